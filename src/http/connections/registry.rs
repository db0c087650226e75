//! Decides whether a connection is admitted, and which one is closed for it.
//!
//! Knows for each address its idle and its busy connections. Nothing is kept about an address without
//! connections, so the memory is bounded by the number of connections.

use std::collections::{BTreeMap, HashMap};

use super::super::client_address::ClientAddress;
use crate::instruments::RefusedConnection;

/// An address may have one in this many of all connections.
const SHARES: usize = 4;

/// The open connections, each with the value `T` that closes it.
pub(super) struct Registry<T> {
    max: usize,
    len: usize,
    /// Number of changes so far, which orders connections by the time of their last one.
    changes: u64,
    clients: HashMap<ClientAddress, Client<T>>,
}

/// Connections of one address, by their last change.
struct Client<T> {
    idle: BTreeMap<u64, T>,
    busy: BTreeMap<u64, T>,
}

/// Place of a connection in the registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    client: ClientAddress,
    is_idle: bool,
    since: u64,
}

impl<T> Client<T> {
    fn len(&self) -> usize {
        self.idle.len() + self.busy.len()
    }

    fn state(&mut self, is_idle: bool) -> &mut BTreeMap<u64, T> {
        if is_idle { &mut self.idle } else { &mut self.busy }
    }
}

impl<T> Registry<T> {
    /// Creates a registry of at most `max` connections.
    pub(super) fn new(max: usize) -> Self {
        Self { max, len: 0, changes: 0, clients: HashMap::new() }
    }

    /// Changes the maximum. Surplus connections are closed when the next one is admitted.
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Returns the number of connections.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the maximum number of connections of one address.
    pub(super) fn share(&self) -> usize {
        self.max.div_ceil(SHARES)
    }

    /// Removes the connections that must be closed to make room for one more of this client.
    ///
    /// # Errors
    ///
    /// [`RefusedConnection`] if all places are taken by connections that must not be closed for it.
    pub(super) fn make_room(
        &mut self,
        client: ClientAddress,
    ) -> Result<Vec<(ClientAddress, T)>, RefusedConnection> {
        let mut closed = Vec::new();
        while let Some(victim) = self.victim(client)? {
            closed.extend(self.remove(victim).map(|connection| (victim.client, connection)));
        }
        Ok(closed)
    }

    /// Adds a connection.
    pub(super) fn insert(
        &mut self,
        client: ClientAddress,
        is_idle: bool,
        connection: T,
    ) -> Position {
        let since = self.changes;
        self.changes += 1;
        self.len += 1;
        let connections = self
            .clients
            .entry(client)
            .or_insert_with(|| Client { idle: BTreeMap::new(), busy: BTreeMap::new() });
        connections.state(is_idle).insert(since, connection);
        Position { client, is_idle, since }
    }

    /// Removes a connection. `None` if it was removed to make room.
    pub(super) fn remove(&mut self, position: Position) -> Option<T> {
        let connections = self.clients.get_mut(&position.client)?;
        let connection = connections.state(position.is_idle).remove(&position.since)?;
        if connections.len() == 0 {
            self.clients.remove(&position.client);
        }
        self.len -= 1;
        Some(connection)
    }

    /// Notes that a connection became idle or busy. Returns its new position.
    pub(super) fn change(&mut self, position: Position, is_idle: bool) -> Position {
        match self.remove(position) {
            Some(connection) => self.insert(position.client, is_idle, connection),
            None => position,
        }
    }

    /// Chooses the connection whose place a new one of `client` takes. `None` if there is room.
    fn victim(&self, client: ClientAddress) -> Result<Option<Position>, RefusedConnection> {
        let held = self.clients.get(&client).map_or(0, Client::len);
        if held >= self.share() {
            let own = self.clients.get(&client).and_then(|own| oldest(client, own, true));
            return own.map(Some).ok_or(RefusedConnection::AddressLimit);
        }
        if self.len < self.max {
            return Ok(None);
        }
        // An address never loses a connection to one that then has more. Otherwise a client that keeps
        // its connections busy could close those of all others. Only an address without a connection
        // always gets in, or as many addresses as there are connections would shut out all others.
        self.of_largest(true, |other, len| other == client || len > held)
            .or_else(|| self.of_largest(false, |_, len| held == 0 || len > held + 1))
            .map(Some)
            .ok_or(RefusedConnection::ConnectionLimit)
    }

    /// Returns the oldest idle or busy connection of the address with the most connections, among those
    /// that `may_lose` accepts by their address and number of connections.
    fn of_largest(
        &self,
        is_idle: bool,
        may_lose: impl Fn(ClientAddress, usize) -> bool,
    ) -> Option<Position> {
        let candidates = self.clients.iter().filter_map(|(client, connections)| {
            let len = connections.len();
            let position = oldest(*client, connections, is_idle)?;
            may_lose(*client, len).then_some((len, position))
        });
        // Among equal ones, the connection that has been unchanged the longest.
        let largest = candidates.max_by_key(|(len, position)| (*len, u64::MAX - position.since));
        largest.map(|(_, position)| position)
    }
}

fn oldest<T>(client: ClientAddress, connections: &Client<T>, is_idle: bool) -> Option<Position> {
    let state = if is_idle { &connections.idle } else { &connections.busy };
    state.keys().next().map(|since| Position { client, is_idle, since: *since })
}

#[cfg(test)]
mod tests;

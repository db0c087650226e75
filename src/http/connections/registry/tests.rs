//! The registry alone: examples, and any sequence of connections.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

fn client(number: u8) -> ClientAddress {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)).into()
}

/// Registry whose connections are numbers.
struct Model {
    registry: Registry<usize>,
    /// Client, state and position of each connection that is open.
    open: BTreeMap<usize, (u8, bool, Position)>,
    next: usize,
}

impl Model {
    fn new(max: usize) -> Self {
        Self { registry: Registry::new(max), open: BTreeMap::new(), next: 0 }
    }

    /// Opens a connection. Returns those that were closed for it.
    fn open(&mut self, number: u8) -> Result<Vec<usize>, RefusedConnection> {
        let closed = self.registry.make_room(client(number))?;
        let closed: Vec<_> = closed.into_iter().map(|(_, connection)| connection).collect();
        for connection in &closed {
            assert!(self.open.remove(connection).is_some(), "{connection} is closed twice");
        }
        let position = self.registry.insert(client(number), true, self.next);
        self.open.insert(self.next, (number, true, position));
        self.next += 1;
        Ok(closed)
    }

    fn change(&mut self, connection: usize, is_idle: bool) {
        if let Some((_, was_idle, position)) = self.open.get_mut(&connection) {
            (*was_idle, *position) = (is_idle, self.registry.change(*position, is_idle));
        }
    }

    fn close(&mut self, connection: usize) {
        if let Some((_, _, position)) = self.open.remove(&connection) {
            assert_eq!(self.registry.remove(position), Some(connection));
        }
    }

    fn held(&self, number: u8) -> usize {
        self.open.values().filter(|(client, ..)| *client == number).count()
    }
}

#[test]
fn the_oldest_idle_connection_of_an_address_gives_way_to_its_next() {
    let mut model = Model::new(12);
    for _ in 0..3 {
        assert_eq!(model.open(1), Ok(vec![]));
    }
    model.change(0, false);
    assert_eq!(model.open(1), Ok(vec![1]));
    model.change(0, true);
    assert_eq!(model.open(1), Ok(vec![2]));
    assert_eq!(model.open(1), Ok(vec![3]));
    assert_eq!(model.open(1), Ok(vec![0]));
}

#[test]
fn an_address_that_uses_its_share_is_refused_and_others_are_not() {
    let mut model = Model::new(12);
    for connection in 0..3 {
        model.open(1).unwrap();
        model.change(connection, false);
    }
    assert_eq!(model.open(1), Err(RefusedConnection::AddressLimit));
    assert_eq!(model.open(2), Ok(vec![]));
}

#[test]
fn a_new_address_gets_in_while_others_use_all_connections() {
    let mut model = Model::new(8);
    for connection in 0..8 {
        model.open(1 + u8::try_from(connection).unwrap() / 2).unwrap();
        model.change(connection, false);
    }
    assert_eq!(model.open(5), Ok(vec![0]));
    model.change(8, false);
    assert_eq!(model.open(6), Ok(vec![2]));
    model.change(9, false);
    // Nobody loses a connection to an address that would then have more.
    assert_eq!(model.open(5), Err(RefusedConnection::ConnectionLimit));
    assert_eq!(model.open(2), Err(RefusedConnection::ConnectionLimit));
}

#[test]
fn a_new_address_gets_in_although_each_connection_has_another_busy_address() {
    let mut model = Model::new(5);
    for connection in 0..5 {
        model.open(1 + u8::try_from(connection).unwrap()).unwrap();
        model.change(connection, false);
    }
    // The one that has been busy for the longest time gives way.
    assert_eq!(model.open(6), Ok(vec![0]));
    model.change(5, false);
    assert_eq!(model.open(7), Ok(vec![1]));
    model.change(6, false);
    // But not for a second connection.
    assert_eq!(model.open(7), Err(RefusedConnection::ConnectionLimit));
}

#[test]
fn the_only_idle_connection_of_a_small_address_is_left_alone() {
    let mut model = Model::new(8);
    for connection in 0..7 {
        model.open(1 + u8::try_from(connection).unwrap() / 2).unwrap();
        model.change(connection, false);
    }
    model.open(9).unwrap();
    model.close(6);
    model.open(1).unwrap_err();
    model.open(8).unwrap();
    assert_eq!(model.open(7), Ok(vec![7]));
}

#[test]
fn surplus_connections_are_closed_after_the_maximum_was_lowered() {
    let mut model = Model::new(100);
    for number in 0..50 {
        model.open(number).unwrap();
    }
    model.registry.set_max(20);
    assert_eq!(model.open(99).unwrap().len(), 31);
    assert_eq!(model.registry.len(), 20);
}

proptest! {
    #[test]
    fn limits_hold_and_the_smallest_address_always_gets_in(
        max in 1..40_usize,
        steps in proptest::collection::vec((0..4_u8, 0..12_u8, 0..200_usize), 0..300),
    ) {
        let mut model = Model::new(max);
        for (step, number, connection) in steps {
            match step {
                0 => model.change(connection, true),
                1 => model.change(connection, false),
                2 => model.close(connection),
                _ => {
                    let before: Vec<_> = (0..12).map(|n| model.held(n)).collect();
                    let held = before[usize::from(number)];
                    match model.open(number) {
                        Ok(closed) => prop_assert!(closed.len() <= 1),
                        Err(RefusedConnection::AddressLimit) => {
                            prop_assert_eq!(held, model.registry.share());
                        }
                        Err(_) => {
                            prop_assert!(held > 0);
                            prop_assert!(before.iter().all(|other| *other <= held + 1));
                        }
                    }
                    for (other, before) in (0..12).zip(before) {
                        let after = model.held(other);
                        prop_assert!(after >= before || before >= model.held(number));
                    }
                }
            }
            prop_assert!(model.open.len() <= max);
            prop_assert_eq!(model.registry.len(), model.open.len());
            let clients = (0..12).filter(|n| model.held(*n) > 0).count();
            prop_assert_eq!(model.registry.clients.len(), clients);
            for number in 0..12 {
                prop_assert!(model.held(number) <= model.registry.share());
            }
        }
    }
}

//! The sockets that the exporter serves on.

use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use super::Failure;

/// Takes the sockets that a service manager passes, or else listens on the addresses.
pub(crate) async fn listeners(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..passed.len() {
        let listener = passed.take_tcp_listener(number).ok().flatten().ok_or_else(|| {
            let remedy = "the socket unit must have ListenStream with an address and a port";
            Failure::run(format!(
                "socket {number} from the service manager is not a TCP socket; {remedy}"
            ))
        })?;
        listener.set_nonblocking(true).map_err(Failure::run)?;
        listeners.push(TcpListener::from_std(listener).map_err(Failure::run)?);
    }
    if listeners.is_empty() { listen(addresses).await } else { Ok(listeners) }
}

/// Listens on the addresses.
pub(crate) async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(listen_on(*address, "--web.listen-address").await?);
    }
    Ok(listeners)
}

/// Listens on one address. `flag` is the flag that sets another.
pub(crate) async fn listen_on(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::run(format!(
            "cannot listen on {address}: {error}; set another address with {flag}"
        ))
    })
}

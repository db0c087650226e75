//! The sockets that the exporter serves on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use listenfd::ListenFd;
use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket};

use super::Failure;
use crate::config::ListenAddress;

/// Connections that wait to be accepted. If there are more, clients send their SYN again a second later.
/// The kernel has a limit of its own (`net.core.somaxconn`, usually 4096).
const BACKLOG: u32 = 4096;

/// Takes the sockets that a service manager passes, or else listens on the addresses.
pub(crate) fn listeners(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, Failure> {
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
    if listeners.is_empty() { listen(addresses) } else { Ok(listeners) }
}

/// Listens on the addresses.
pub(crate) fn listen(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, Failure> {
    let flag = "--web.listen-address";
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(match address {
            ListenAddress::Port(port) => listen_on_port(*port, |address| bind(address, true))
                .map_err(|error| not_listening(address, &error, flag))?,
            ListenAddress::Socket(address) => listen_on(*address, flag)?,
        });
    }
    Ok(listeners)
}

/// Listens on one address. `flag` is the flag that sets another.
pub(crate) fn listen_on(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    bind(address, false).map_err(|error| not_listening(&address, &error, flag))
}

fn not_listening(address: &impl ToString, error: &io::Error, flag: &str) -> Failure {
    let address = address.to_string();
    Failure::run(format!("cannot listen on {address}: {error}; set another address with {flag}"))
}

/// Listens on a port of all addresses: with one socket for IPv6 and IPv4, or only for IPv4 on a kernel
/// without IPv6.
fn listen_on_port<T>(port: u16, bind: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if lacks_address_family(&error) => {
            let bound = bind((Ipv4Addr::UNSPECIFIED, port).into())?;
            tracing::info!(%error, port, "IPv6 is not available, serving IPv4 only");
            Ok(bound)
        }
        bound => bound,
    }
}

/// True if the kernel does not have the protocol at all, or no address of it. Other errors, such as a
/// port in use, must not lead to a process that serves half of what was requested.
fn lacks_address_family(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

/// Binds to an address; `with_ipv4` also to the same of IPv4, whatever the default of the machine
/// (`net.ipv6.bindv6only`).
fn bind(address: SocketAddr, with_ipv4: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if address.is_ipv6() && with_ipv4 {
        set_ipv6_v6only(&socket, false)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Listens on a port where binding to IPv6 fails. Returns the address, or the error.
    fn address_if_ipv6_fails(error: Errno) -> Result<SocketAddr, io::Error> {
        listen_on_port(
            80,
            |address| if address.is_ipv6() { Err(error.into()) } else { Ok(address) },
        )
    }

    #[test]
    fn a_port_is_served_on_ipv4_where_ipv6_does_not_exist() {
        for error in [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL] {
            assert_eq!(address_if_ipv6_fails(error).unwrap().to_string(), "0.0.0.0:80");
        }
    }

    #[test]
    fn a_port_that_cannot_be_used_on_ipv6_is_not_served_on_ipv4_instead() {
        for error in [Errno::ADDRINUSE, Errno::ACCESS, Errno::MFILE] {
            let failed = address_if_ipv6_fails(error).unwrap_err();
            assert_eq!(Errno::from_io_error(&failed), Some(error));
        }
    }

    #[test]
    fn where_neither_exists_the_error_of_ipv4_is_reported() {
        let bind = |address: SocketAddr| -> io::Result<()> {
            Err(if address.is_ipv6() { Errno::AFNOSUPPORT } else { Errno::ADDRNOTAVAIL }.into())
        };
        let failed = listen_on_port(80, bind).unwrap_err();
        assert_eq!(Errno::from_io_error(&failed), Some(Errno::ADDRNOTAVAIL));
    }
}

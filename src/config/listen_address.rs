//! Addresses to listen on.

use std::fmt;
use std::net::SocketAddr;

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenAddress {
    /// A port alone (`:10047`), as Prometheus' own programs accept it: all addresses, IPv4 and IPv6.
    Port(u16),
    /// One address with its port.
    Socket(SocketAddr),
}

impl ListenAddress {
    /// Parses an address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(':') {
            // A port has the same digits as in an address.
            Some(port) => {
                let address: SocketAddr = format!("[::]:{port}").parse().ok()?;
                Some(Self::Port(address.port()))
            }
            None => text.replace("localhost:", "127.0.0.1:").parse().ok().map(Self::Socket),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(formatter, ":{port}"),
            Self::Socket(address) => address.fmt(formatter),
        }
    }
}

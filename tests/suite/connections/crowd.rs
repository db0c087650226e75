//! Clients with addresses of their own: 127.0.0.2, 127.0.0.3 and so on.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::SOON;

/// Connects from 127.0.0.`client`.
pub(super) async fn connect(client: u8, address: &str) -> TcpStream {
    connect_by(TcpSocket::new_v4().unwrap(), client, address).await
}

/// Connects with a small buffer, sends a request and waits for the first byte of the answer.
pub(super) async fn slow_reader(client: u8, address: &str, request: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = connect_by(socket, client, address).await;
    stream.write_all(request).await.unwrap();
    assert_eq!(timeout(SOON, status(&mut stream)).await, Ok(200));
    stream
}

async fn connect_by(socket: TcpSocket, client: u8, address: &str) -> TcpStream {
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, client), 0))).unwrap();
    timeout(SOON, socket.connect(address.parse().unwrap())).await.expect("no connection").unwrap()
}

/// Connects `number` times from 127.0.0.`client`, and says nothing.
pub(super) async fn crowd(number: usize, client: u8, address: &str) -> Vec<TcpStream> {
    raise_limit();
    let mut crowd = Vec::new();
    for _ in 0..number {
        crowd.push(connect(client, address).await);
    }
    crowd
}

/// Raises the limit on open files of the tests themselves.
pub(super) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
}

pub(super) fn request(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
}

/// Reads the status of an answer; 0 if the connection is closed instead.
pub(super) async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    match stream.read_exact(&mut head).await {
        Ok(_) => String::from_utf8_lossy(&head[9..]).parse().unwrap(),
        Err(_) => 0,
    }
}

/// Sends a request from 127.0.0.`client` and returns the status of the answer.
pub(super) async fn respond(path: &str, client: u8, address: &str) -> u16 {
    let asked = async {
        let mut stream = connect(client, address).await;
        stream.write_all(&request(path, "")).await.unwrap();
        status(&mut stream).await
    };
    timeout(SOON, asked).await.unwrap_or_else(|_| panic!("{path} hangs"))
}

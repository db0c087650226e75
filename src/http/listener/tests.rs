//! Slow clients, on real sockets with short limits.

mod handshake;
mod long;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::routing::get;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::*;
use crate::instruments::Instruments;
use records_api::record::Timestamp;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
/// More than a socket buffers.
const LARGE_BYTES: usize = 64 << 20;
/// Reached only if a test fails, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

const SHORT: Limits = Limits {
    handshake: Duration::from_millis(300),
    headers: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    answer: LIMIT,
};

/// Server with the given limits, stopped with the test.
struct Server {
    address: std::net::SocketAddr,
    folder: tempfile::TempDir,
    web: WebConfig,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits, with_tls: bool) -> Self {
        Self::start_with(1, limits, with_tls).await
    }

    async fn start_with(max_connections: usize, limits: Limits, with_tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let web = if with_tls { tls(folder.path()) } else { WebConfig::none() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async || "small"))
            .route("/large", get(async || vec![b'x'; LARGE_BYTES]))
            .route("/in-pieces", get(long::in_pieces))
            .route("/at-once", get(long::at_once));
        let shutdown = CancellationToken::new();
        let connections = Connections::new(max_connections, instruments());
        let handler = ConnectionHandler::new(limits, router, web.clone(), shutdown.clone());
        let serving = serve(listener, handler, connections);
        Self { address, folder, web, shutdown, serving: tokio::spawn(serving) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn connect_from(&self, client: u8) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(std::net::SocketAddr::from(([127, 0, 0, client], 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn connect_by_tls(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        self.try_connect_by_tls().await.unwrap()
    }

    async fn try_connect_by_tls(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(client_config(self.folder.path())));
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, self.connect().await).await
    }

    /// Returns true if another client is answered before long, which requires room for its connection.
    async fn answers(&self, with_tls: bool) -> bool {
        let asked = async {
            loop {
                let line = if with_tls {
                    match self.try_connect_by_tls().await {
                        Ok(mut stream) => try_first_line(&mut stream).await,
                        Err(error) => Err(error),
                    }
                } else {
                    try_first_line(&mut self.connect().await).await
                };
                if let Ok(line) = line {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, asked).await.is_ok_and(|line| line == "HTTP/1.1 200 OK")
    }
}

fn instruments() -> Arc<Instruments> {
    Instruments::new(Timestamp::from_millis(0), Arc::default())
}

async fn first_line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> String {
    try_first_line(stream).await.unwrap()
}

/// Requests `/`. Fails if the connection is refused or closed.
async fn try_first_line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut line = [0; 15];
    stream.read_exact(&mut line).await?;
    Ok(String::from_utf8(line.to_vec()).unwrap())
}

/// Client that trusts the certificate in this folder.
fn client_config(folder: &Path) -> rustls::ClientConfig {
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn tls(folder: &Path) -> WebConfig {
    WebConfig::open(&write_tls(folder, "")).unwrap()
}

/// Writes a new certificate and a web config with it, with more lines at its end.
fn write_tls(folder: &Path, more: &str) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("server.pem", &made.cert.pem());
    write("server.key", &made.signing_key.serialize_pem());
    let path = folder.join("web-config.yml");
    let section = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    std::fs::write(&path, format!("{section}{more}")).unwrap();
    path
}

/// Waits until the server closes the connection. Returns the time that took and the bytes received.
async fn closed(stream: &mut TcpStream) -> (Duration, String) {
    let begun = Instant::now();
    let mut said = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut said)).await;
    // A reset also closes the connection.
    let _ = read.expect("the connection is still open");
    (begun.elapsed(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_disconnected() {
    let server = Server::start(SHORT, false).await;
    let mut slow = server.connect().await;
    slow.write_all(&REQUEST[..20]).await.unwrap();
    let (after, _) = closed(&mut slow).await;
    assert!(after * 2 > SHORT.headers, "{after:?}");
    assert!(server.answers(false).await);
}

#[tokio::test]
async fn a_client_that_sends_its_headers_byte_by_byte_is_disconnected() {
    let server = Server::start(SHORT, false).await;
    let mut slow = server.connect().await;
    let dripping = async {
        for byte in b"GET / HTTP/1.1\r\nX-Long: ".iter().chain(std::iter::repeat(&b'x')) {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, dripping).await.expect("the connection is still open");
    assert!(server.answers(false).await);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(SHORT, false).await;
    let mut idle = server.connect().await;
    assert_eq!(first_line(&mut idle).await, "HTTP/1.1 200 OK");
    let (after, rest) = closed(&mut idle).await;
    assert!(rest.ends_with("small"), "{rest}");
    assert!(after * 2 > SHORT.headers, "{after:?}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    for with_tls in [false, true] {
        let server = Server::start(SHORT, with_tls).await;
        // The connection stays open and unread until the end of the test.
        let (mut plain, mut tls) = (None, None);
        if with_tls {
            begin_large(tls.insert(server.connect_by_tls().await)).await;
        } else {
            begin_large(plain.insert(server.connect().await)).await;
        }
        assert!(server.answers(with_tls).await, "TLS: {with_tls}");
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_steadily_gets_the_whole_answer() {
    for with_tls in [false, true] {
        let server = Server::start(SHORT, with_tls).await;
        let read = if with_tls {
            read_slowly(server.connect_by_tls().await).await
        } else {
            read_slowly(server.connect().await).await
        };
        assert!(read > LARGE_BYTES, "TLS: {with_tls}: {read} of {LARGE_BYTES} bytes");
    }
}

/// Reads to the end with pauses whose sum exceeds the stall limit. Returns the number of bytes read.
async fn read_slowly<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> usize {
    stream.write_all(LARGE).await.unwrap();
    let (mut buffer, mut total, mut pauses) = (vec![0; 1 << 16], 0, 0);
    loop {
        match timeout(LIMIT, stream.read(&mut buffer)).await.expect("the server hangs") {
            Ok(0) | Err(_) => return total,
            Ok(read) => total += read,
        }
        if total >> 22 > pauses {
            pauses += 1;
            tokio::time::sleep(SHORT.stall / 4).await;
        }
    }
}

#[tokio::test]
async fn an_unfinished_tls_handshake_is_aborted_and_does_not_block_other_clients() {
    let limits = Limits { handshake: LIMIT * 10, ..SHORT };
    let server = Server::start_with(5, limits, true).await;
    let _silent = server.connect().await;
    assert!(server.answers(true).await, "an unfinished handshake blocks the next client");

    let server = Server::start(SHORT, true).await;
    let mut silent = server.connect().await;
    let (after, said) = closed(&mut silent).await;
    assert!(after * 2 > SHORT.handshake, "{after:?}");
    assert_eq!(said, "");
    assert!(server.answers(true).await);
}

#[tokio::test]
async fn idle_connections_and_unfinished_handshakes_do_not_delay_shutdown() {
    let limits = Limits { handshake: LIMIT * 10, headers: LIMIT * 10, ..SHORT };
    let server = Server::start_with(12, limits, true).await;
    let _silent = server.connect().await;
    let mut idle = server.connect_by_tls().await;
    assert_eq!(first_line(&mut idle).await, "HTTP/1.1 200 OK");
    let begun = Instant::now();
    server.shutdown.cancel();
    timeout(LIMIT, server.serving).await.unwrap().unwrap();
    assert!(begun.elapsed() < SHUTDOWN_GRACE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_is_read_too_slowly_is_aborted_whatever_is_read_meanwhile() {
    for with_tls in [false, true] {
        // Only one limit can end it, also on a busy machine.
        let limits = Limits { answer: Duration::from_millis(900), stall: LIMIT, ..SHORT };
        let server = Server::start(limits, with_tls).await;
        let begun = Instant::now();
        let reading = if with_tls {
            let mut stream = server.connect_by_tls().await;
            begin_large(&mut stream).await;
            tokio::spawn(read_a_little(stream))
        } else {
            let mut stream = server.connect().await;
            begin_large(&mut stream).await;
            tokio::spawn(read_a_little(stream))
        };
        assert!(server.answers(with_tls).await, "TLS: {with_tls}");
        assert!(begun.elapsed() * 2 > limits.answer, "TLS: {with_tls}");
        reading.abort();
    }
}

/// Requests the large answer, and waits for its first byte.
async fn begin_large<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    stream.write_all(LARGE).await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
}

/// Reads often enough for the stall limit.
async fn read_a_little<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut buffer = vec![0; 1 << 17];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        tokio::time::sleep(SHORT.stall / 10).await;
    }
}

#[tokio::test]
async fn a_busy_connection_gives_way_to_another_address_only() {
    let limits = Limits { stall: LIMIT, ..SHORT };
    let server = Server::start_with(8, limits, false).await;
    let mut busy = Vec::new();
    for client in 2..6 {
        for _ in 0..2 {
            let mut stream = server.connect_from(client).await;
            begin_large(&mut stream).await;
            busy.push(stream);
        }
    }
    let mut refused = server.connect_from(5).await;
    assert!(try_first_line(&mut refused).await.is_err());
    assert_eq!(first_line(&mut server.connect_from(6).await).await, "HTTP/1.1 200 OK");
}

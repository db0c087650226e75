//! Slow clients, on real sockets with short limits.

use std::time::Duration;

use axum::routing::get;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
/// More than a socket buffers.
const LARGE_BYTES: usize = 64 << 20;
/// Reached only if a test fails, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

const SHORT: Limits = Limits {
    max_connections: 1,
    handshake: Duration::from_millis(300),
    headers: Duration::from_millis(300),
    stall: Duration::from_millis(300),
};

/// Server with the given limits, stopped with the test.
struct Server {
    address: std::net::SocketAddr,
    folder: tempfile::TempDir,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<io::Result<()>>,
}

impl Server {
    async fn start(limits: Limits, with_tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let web = if with_tls { tls(folder.path()) } else { WebConfig::none() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async || "small"))
            .route("/large", get(async || vec![b'x'; LARGE_BYTES]));
        let shutdown = CancellationToken::new();
        let serving = serve_with(limits, listener, router, web, shutdown.clone());
        Self { address, folder, shutdown, serving: tokio::spawn(serving) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn connect_by_tls(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        let certificate = CertificateDer::from_pem_file(self.folder.path().join("server.pem"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, self.connect().await).await.unwrap()
    }

    /// Returns true if another client is answered, which requires a free connection slot.
    async fn answers(&self, with_tls: bool) -> bool {
        let asked = async {
            if with_tls {
                first_line(&mut self.connect_by_tls().await).await
            } else {
                first_line(&mut self.connect().await).await
            }
        };
        timeout(LIMIT, asked).await.is_ok_and(|line| line == "HTTP/1.1 200 OK")
    }
}

async fn first_line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut line = [0; 15];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

fn tls(folder: &std::path::Path) -> WebConfig {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("server.pem", &made.cert.pem());
    write("server.key", &made.signing_key.serialize_pem());
    let path = folder.join("web-config.yml");
    let text = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n";
    std::fs::write(&path, text).unwrap();
    WebConfig::open(&path).unwrap()
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
            tls.insert(server.connect_by_tls().await).write_all(LARGE).await.unwrap();
        } else {
            plain.insert(server.connect().await).write_all(LARGE).await.unwrap();
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
    let limits = Limits { max_connections: 2, handshake: LIMIT * 10, ..SHORT };
    let server = Server::start(limits, true).await;
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
    let limits = Limits { max_connections: 3, handshake: LIMIT * 10, headers: LIMIT * 10, ..SHORT };
    let server = Server::start(limits, true).await;
    let _silent = server.connect().await;
    let mut idle = server.connect_by_tls().await;
    assert_eq!(first_line(&mut idle).await, "HTTP/1.1 200 OK");
    let begun = Instant::now();
    server.shutdown.cancel();
    timeout(LIMIT, server.serving).await.unwrap().unwrap().unwrap();
    assert!(begun.elapsed() < SHUTDOWN_GRACE, "{:?}", begun.elapsed());
}

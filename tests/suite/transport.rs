//! The transport over the network: trusted certificates, the proxy, and texts of errors.

mod dead_connections;
mod memory;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::once;
use http::{Request, Response, StatusCode};
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use records_api::secret::{SecretRules, Source};
use records_api::{HttpTransport, ReadLimit, Transport, TransportError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use screen_records_exporter::config::{KEYS, Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// The rules for `api.proxy_url`.
fn proxy_rules() -> SecretRules {
    let key = KEYS.iter().find(|key| key.path == "api.proxy_url").unwrap();
    let Kind::Secret(rules) = key.kind else { panic!("it is a secret") };
    rules
}

/// Reads the head of a request, responds, and closes the connection.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        head.push(byte);
    }
    let body = "{}";
    let text = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8(head).unwrap()
}

/// TLS with the certificate of the tests. `protocol` is an ALPN name or empty.
fn tls(protocol: &[u8]) -> TlsAcceptor {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = CertificateDer::from_pem_file(fixture("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    if !protocol.is_empty() {
        config.alpn_protocols = vec![protocol.to_owned()];
    }
    TlsAcceptor::from(Arc::new(config))
}

/// Starts a server with TLS. Returns its port.
async fn tls_server() -> u16 {
    let acceptor = tls(b"");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, "200 OK").await;
                }
            });
        }
    });
    port
}

/// Starts a server with HTTP/2 that returns a token of this size. Returns its port.
async fn http2_server(token_bytes: usize) -> u16 {
    let acceptor = tls(b"h2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let answer = service_fn(move |_| {
                let token = "t".repeat(token_bytes);
                let answer = Response::builder().header("x-subject-token", token);
                std::future::ready(answer.body(Full::new(Bytes::from("{}"))))
            });
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    });
    port
}

/// Starts a proxy that answers all requests with a status. Returns its address and the requests.
async fn proxy(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let head = answer(stream, status).await;
            seen.lock().unwrap().push(head);
        }
    });
    (address, heads)
}

async fn get(transport: &HttpTransport, url: &str) -> Result<StatusCode, TransportError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    transport.send(request, ReadLimit::new(1000)).await.map(|answer| answer.status)
}

#[tokio::test]
async fn a_ca_file_replaces_the_certificates_of_the_system() {
    let url = format!("https://localhost:{}/", tls_server().await);
    let ca = fixture("ca.pem");
    let trusting = HttpTransport::new(Some(&ca), None).unwrap();
    assert_eq!(get(&trusting, &url).await.unwrap(), StatusCode::OK);
    let usual = HttpTransport::new(None, None).unwrap();
    let error = get(&usual, &url).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    // The certificate of a server is not that of an authority.
    let other = HttpTransport::new(Some(&fixture("server.pem")), None).unwrap();
    assert!(get(&other, "https://127.0.0.2:1/").await.is_err());
    let missing = HttpTransport::new(Some(Path::new("no-such.pem")), None).unwrap_err();
    assert!(missing.to_string().starts_with("no-such.pem: "), "{missing}");
}

#[tokio::test]
async fn all_requests_except_those_to_this_machine_use_the_proxy() {
    let (address, heads) = proxy("200 OK").await;
    let (here, direct) = proxy("204 No Content").await;
    let url = format!("http://user:the-proxy-password@{address}");
    let transport = HttpTransport::new(None, Some(Source::Value(url.into()))).unwrap();
    let status = get(&transport, "http://records.invalid/v2/p/screen-records").await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(get(&transport, &format!("http://{here}/")).await.unwrap(), StatusCode::NO_CONTENT);
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    let head = heads[0].to_lowercase();
    assert!(head.starts_with("get http://records.invalid/v2/p/screen-records "), "{head}");
    assert!(head.contains("proxy-authorization: basic "), "{head}");
    assert!(head.contains("user-agent: screen-records-exporter/"), "{head}");
    let direct = direct.lock().unwrap();
    assert!(!direct[0].to_lowercase().contains("proxy-authorization"), "{direct:?}");
}

#[tokio::test]
async fn errors_of_a_proxy_do_not_show_its_password() {
    let (address, heads) = proxy("407 Proxy Authentication Required").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("http://user:the-proxy-password@{address}\n")).unwrap();
    let proxy_url = || Some(Source::file(file.path(), proxy_rules()));
    let transport = HttpTransport::new(None, proxy_url()).unwrap();
    let error = get(&transport, "https://records.invalid/").await.unwrap_err();
    let text = format!("{error} {error:?} {transport:?}");
    assert!(!text.contains("the-proxy-password") && !text.contains("dGhlLXByb3h5"), "{text}");
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT records.invalid:443"));
    // A new URL in the file takes effect immediately.
    let (other, heads) = self::proxy("200 OK").await;
    std::fs::write(file.path(), format!("http://{other}")).unwrap();
    assert_eq!(get(&transport, "http://records.invalid/").await.unwrap(), StatusCode::OK);
    assert_eq!(heads.lock().unwrap().len(), 1);
    // The last valid URL stays in use, and a transport without one has an error.
    for (text, expected) in [
        ("", "it is empty"),
        ("not a url: the-proxy-password", "a space (U+0020) as character 4"),
        ("http://the-proxy-password@proxy/path", "contains no URL of a proxy. Accepted is"),
        ("\u{feff}http://me:the-proxy-password@proxy", "a byte order mark (U+FEFF)"),
    ] {
        let before = heads.lock().unwrap().len();
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(get(&transport, "http://records.invalid/").await.unwrap(), StatusCode::OK);
        assert_eq!(heads.lock().unwrap().len(), before + 1);
        let new = HttpTransport::new(None, proxy_url()).unwrap();
        let error = get(&new, "http://records.invalid/").await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("the-proxy-password"), "{error}");
    }
}

#[tokio::test]
async fn http_2_accepts_tokens_of_a_hundred_thousand_bytes_and_does_not_show_them() {
    let url = format!("https://localhost:{}/", http2_server(100_000).await);
    let transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
    let request = Request::post(url).body(Bytes::new()).unwrap();
    let answer = transport.send(request, ReadLimit::new(1000)).await.unwrap();
    assert_eq!(answer.headers["x-subject-token"].len(), 100_000);
    let shown = format!("{answer:?}");
    assert!(!shown.contains("tttt"), "{} bytes", shown.len());
}

/// The server resets the stream of the answer while the connection goes on.
#[tokio::test]
async fn an_answer_over_http_2_that_breaks_off_is_not_a_failed_connection() {
    let acceptor = tls(b"h2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let answer = service_fn(move |_| {
                let begins = async { Ok(Frame::data(Bytes::from("{\"screen_records\":["))) };
                let breaks = async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Err(std::io::Error::other("gone"))
                };
                let body = StreamBody::new(Box::pin(once(begins).chain(once(breaks))));
                std::future::ready(Response::builder().header("content-length", 741).body(body))
            });
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    });
    let transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
    let error = get(&transport, &format!("https://localhost:{port}/")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the answer broke off after 19 of 741 bytes: "), "{text}");
}

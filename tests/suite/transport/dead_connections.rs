//! HTTP/2 connections that are dead although their peer still reads and acknowledges everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use records_api::HttpTransport;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::{fixture, get, tls};

/// The connections of a server or a relay, counted from the first.
#[derive(Default)]
struct Connections {
    accepted: AtomicUsize,
    /// Connections with a smaller number are dead.
    dead_below: AtomicUsize,
}

impl Connections {
    /// The connections so far die. New ones work.
    fn lose(&self) {
        self.dead_below.store(self.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn is_dead(&self, number: usize) -> bool {
        number < self.dead_below.load(Ordering::SeqCst)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Starts an HTTP/2 server. On a dead connection it answers pings and no requests. Returns its URL.
async fn server() -> (String, Arc<Connections>) {
    let acceptor = tls(b"h2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let connections = Arc::<Connections>::default();
    let shared = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
            let (acceptor, shared) = (acceptor.clone(), shared.clone());
            let answer = service_fn(move |_: Request<Incoming>| {
                let is_dead = shared.is_dead(number);
                async move {
                    if is_dead {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, http::Error>(Response::new(Full::new(Bytes::from("{}"))))
                }
            });
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let server = http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (url, connections)
}

/// Starts a relay to a port. It reads everything from a dead connection and forwards nothing. Returns its
/// URL.
async fn relay(port: u16) -> (String, Arc<Connections>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let connections = Arc::<Connections>::default();
    let shared = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
            let shared = shared.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let died = async {
                    while !shared.is_dead(number) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
                    () = died => {}
                }
                let mut discarded = [0; 4096];
                while client.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
                let _ = client.shutdown().await;
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_request_without_an_answer_is_followed_by_a_new_connection_for_all_projects() {
    let (url, connections) = server().await;
    let transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
    let projects = 3;
    let request_all = async |limit: Duration| {
        let requests = (0..projects).map(|_| timeout(limit, get(&transport, &url)));
        let answers = join_all(requests).await.into_iter();
        answers.filter(|answer| matches!(answer, Ok(Ok(_)))).count()
    };
    // One request first, so that all share its connection.
    get(&transport, &url).await.unwrap();
    for loss in 1..=2 {
        assert_eq!(request_all(Duration::from_secs(10)).await, projects);
        connections.lose();
        assert_eq!(request_all(Duration::from_millis(300)).await, 0, "loss {loss}");
        assert_eq!(request_all(Duration::from_secs(10)).await, projects, "after loss {loss}");
    }
    // Requests that start together may each open a connection.
    assert!(connections.accepted() <= 1 + 2 * projects, "{}", connections.accepted());
}

#[tokio::test]
async fn a_request_on_a_dead_connection_fails_long_before_a_minute_has_passed() {
    let (url, _) = server().await;
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let (url, connections) = relay(port).await;
    let transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
    get(&transport, &url).await.unwrap();
    connections.lose();
    let begun = Instant::now();
    let failed = timeout(Duration::from_secs(60), get(&transport, &url)).await;
    assert!(failed.expect("the dead connection was not noticed").is_err());
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    get(&transport, &url).await.unwrap();
    assert_eq!(connections.accepted(), 2);
}

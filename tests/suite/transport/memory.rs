//! The memory of responses that are received at the same time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use records_api::{HttpTransport, MemoryBudget, ReadLimit, Transport};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{fixture, tls};

const MIB: usize = 1 << 20;
/// What a connection buffers of a response that is not read: the windows of both sides.
const BUFFERED: usize = MIB;

/// Bytes of bodies that the server has sent and the client has not dropped, and the most of them.
#[derive(Default)]
struct Outstanding(AtomicUsize, AtomicUsize);

impl Outstanding {
    fn sent(&self, bytes: usize) {
        let now = self.0.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.1.fetch_max(now, Ordering::SeqCst);
    }

    fn dropped(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

/// A body of unknown length.
struct CountedBody {
    left: usize,
    outstanding: Arc<Outstanding>,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.left.min(16 * 1024);
        if part == 0 {
            return Poll::Ready(None);
        }
        self.left -= part;
        self.outstanding.sent(part);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; part])))))
    }
}

/// Starts an HTTP/2 server that responds with bodies of so many bytes. Returns its URL.
async fn server(bytes: usize, outstanding: Arc<Outstanding>) -> String {
    let acceptor = tls(b"h2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, outstanding) = (acceptor.clone(), outstanding.clone());
            let answer = service_fn(move |_: Request<Incoming>| {
                let outstanding = outstanding.clone();
                let body = CountedBody { left: bytes, outstanding };
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            });
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let server = http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    format!("https://localhost:{port}/")
}

/// Receives responses of `bytes` bytes at the same time. Returns the most bytes that were outstanding.
async fn most_outstanding(
    responses: usize,
    bytes: usize,
    budget: Option<Arc<MemoryBudget>>,
) -> usize {
    let outstanding = Arc::<Outstanding>::default();
    let url = server(bytes, outstanding.clone()).await;
    let mut transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
    if let Some(budget) = budget {
        transport = transport.with_memory_budget(budget);
    }
    let receive = async || {
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        let response = transport.send(request, ReadLimit::new(bytes)).await.unwrap();
        assert_eq!(response.body.len(), bytes);
        // The page is parsed.
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(response);
        outstanding.dropped(bytes);
    };
    // All responses share a connection.
    receive().await;
    join_all((0..responses).map(|_| receive())).await;
    outstanding.most()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_responses_at_the_same_time_share_one_budget() {
    let (responses, bytes) = (12, 4 * MIB);
    let limit = 2 * bytes + responses * BUFFERED;
    let budget = Arc::new(MemoryBudget::new(bytes));
    let most = most_outstanding(responses, bytes, Some(budget)).await;
    assert!(most <= limit, "{most}");
    let most = most_outstanding(responses, bytes, None).await;
    assert!(most > limit, "the test would not notice a missing budget: {most}");
}

/// Starts a server that announces a body of so many bytes and sends one of them. Returns its URL.
async fn stalling_server(announced: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n{{");
                let _ = stream.write_all(head.as_bytes()).await;
                std::future::pending::<()>().await;
            });
        }
    });
    format!("http://127.0.0.1:{port}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_announced_and_do_not_arrive_hold_up_no_other() {
    let (bytes, body) = (8 * MIB, 200 * 1024);
    let budget = Arc::new(MemoryBudget::new(bytes));
    let transport = || {
        let transport = HttpTransport::new(Some(&fixture("ca.pem")), None).unwrap();
        transport.with_memory_budget(budget.clone())
    };
    let stalling = stalling_server(bytes).await;
    for _ in 0..5 {
        let (transport, stalling) = (transport(), stalling.clone());
        tokio::spawn(async move {
            let request = Request::get(&stalling).body(Bytes::new()).unwrap();
            transport.send(request, ReadLimit::new(bytes)).await
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let url = server(body, Arc::default()).await;
    let transport = transport();
    let request = Request::get(&url).body(Bytes::new()).unwrap();
    let response = transport.send(request, ReadLimit::new(bytes));
    let response = tokio::time::timeout(Duration::from_secs(10), response).await;
    assert_eq!(response.expect("it does not wait").unwrap().body.len(), body);
}

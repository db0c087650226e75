//! A proxy in front of a server that loses messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FORWARD: u8 = 0;
const LOSE_STATEMENT: u8 = 1;
const LOSE_ANSWER: u8 = 2;

/// Forwards to a server, and loses what it is told to.
pub(super) struct Proxy {
    pub(super) port: u16,
    rules: Arc<Rules>,
}

#[derive(Default)]
struct Rules {
    next: AtomicU8,
    /// Number of messages to forward before one is lost.
    skip: AtomicUsize,
    swallows: AtomicBool,
    refuses: AtomicBool,
    lost: AtomicUsize,
}

impl Rules {
    /// Returns whether a message is lost.
    fn loses(&self, what: u8) -> bool {
        let order = Ordering::SeqCst;
        if self.next.load(order) != what {
            return false;
        }
        if self.skip.fetch_update(order, order, |skip| skip.checked_sub(1)).is_ok() {
            return false;
        }
        self.next.store(FORWARD, order);
        self.lost.fetch_add(1, order);
        true
    }
}

impl Proxy {
    pub(super) async fn start(server: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = Arc::new(Rules::default());
        let accepted = rules.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if accepted.refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(forward(client, server, accepted.clone()));
            }
        });
        Self { port, rules }
    }

    /// Ends the connection when the next statement arrives.
    pub(super) fn lose_next_statement(&self) {
        self.lose_statement(0);
    }

    /// Ends the connection when the answer to the next statement arrives.
    pub(super) fn lose_next_answer(&self) {
        self.lose_answer(0);
    }

    /// Ends the connection when a statement arrives, after `skip` others.
    pub(super) fn lose_statement(&self, skip: usize) {
        self.rules.skip.store(skip, Ordering::SeqCst);
        self.rules.next.store(LOSE_STATEMENT, Ordering::SeqCst);
    }

    /// Ends the connection when an answer arrives, after `skip` others.
    pub(super) fn lose_answer(&self, skip: usize) {
        self.rules.skip.store(skip, Ordering::SeqCst);
        self.rules.next.store(LOSE_ANSWER, Ordering::SeqCst);
    }

    /// Keeps all answers to itself, or not, and connections open.
    pub(super) fn swallow_answers(&self, swallows: bool) {
        self.rules.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Ends new connections at once, or not.
    pub(super) fn refuse_connections(&self, refuses: bool) {
        self.rules.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Returns how often a message was lost.
    pub(super) fn lost(&self) -> usize {
        self.rules.lost.load(Ordering::SeqCst)
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, rules: Arc<Rules>) {
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                if rules.loses(LOSE_STATEMENT) {
                    return;
                }
                if server.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if rules.loses(LOSE_ANSWER) {
                    return;
                }
                if rules.swallows.load(Ordering::SeqCst) {
                    continue;
                }
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

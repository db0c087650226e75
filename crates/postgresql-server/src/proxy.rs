//! A proxy that loses messages, delays them, or stops.

mod messages;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::messages::{Answer, Exchange};

const FORWARD: u8 = 0;
const LOSE_STATEMENT: u8 = 1;
const LOSE_ANSWER: u8 = 2;

/// Part of a commit that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection ends before the statement reaches the server.
    Statement,
    /// The connection ends when the answer arrives.
    Answer,
    /// The answer and all later ones are withheld, and the connection stays open.
    Silence,
}

/// Forwards to a server, and loses what it is told to.
#[derive(Debug)]
pub struct Proxy {
    /// Port on 127.0.0.1.
    pub port: u16,
    rules: Arc<Rules>,
}

#[derive(Debug)]
struct Rules {
    server: AtomicU16,
    next: AtomicU8,
    /// Number of messages to forward before one is lost.
    skip: AtomicUsize,
    swallows: AtomicBool,
    lost: AtomicUsize,
    refuses: AtomicBool,
    delay_millis: AtomicU64,
    commits: AtomicUsize,
    /// Part that the next commits lose, and the number of these commits.
    losses: Mutex<Option<(Loss, usize)>>,
    paused: watch::Sender<bool>,
    cuts: watch::Sender<usize>,
}

impl Proxy {
    /// Starts a proxy for the server with this port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = Arc::new(Rules {
            server: AtomicU16::new(server),
            next: AtomicU8::default(),
            skip: AtomicUsize::default(),
            swallows: AtomicBool::default(),
            lost: AtomicUsize::default(),
            refuses: AtomicBool::default(),
            delay_millis: AtomicU64::default(),
            commits: AtomicUsize::default(),
            losses: Mutex::default(),
            paused: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
        });
        let accepted = Arc::downgrade(&rules);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Some(rules) = accepted.upgrade() else { return };
                let server = ("127.0.0.1", rules.server.load(Ordering::SeqCst));
                if !rules.refuses.load(Ordering::SeqCst)
                    && let Ok(server) = TcpStream::connect(server).await
                {
                    tokio::spawn(forward(client, server, rules));
                }
            }
        });
        Self { port, rules }
    }

    /// Returns a URL of the database `postgres` by way of this proxy, without TLS and without a password.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Ends the connection when the next statement arrives.
    pub fn lose_next_statement(&self) {
        self.lose_statement(0);
    }

    /// Ends the connection when the answer to the next statement arrives.
    pub fn lose_next_answer(&self) {
        self.lose_answer(0);
    }

    /// Ends the connection when a statement arrives, after `skip` others.
    pub fn lose_statement(&self, skip: usize) {
        self.rules.skip.store(skip, Ordering::SeqCst);
        self.rules.next.store(LOSE_STATEMENT, Ordering::SeqCst);
    }

    /// Ends the connection when an answer arrives, after `skip` others.
    pub fn lose_answer(&self, skip: usize) {
        self.rules.skip.store(skip, Ordering::SeqCst);
        self.rules.next.store(LOSE_ANSWER, Ordering::SeqCst);
    }

    /// Keeps all answers to itself, or not, and connections open.
    pub fn swallow_answers(&self, swallows: bool) {
        self.rules.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Loses a part of the next commits. Only connections without TLS show what is a commit.
    pub fn lose_commits(&self, loss: Loss, count: usize) {
        *self.rules.losses.lock() = (count > 0).then_some((loss, count));
    }

    /// Returns how many commits have arrived, the lost ones included.
    pub fn commits(&self) -> usize {
        self.rules.commits.load(Ordering::SeqCst)
    }

    /// Returns how often a message was lost.
    pub fn lost(&self) -> usize {
        self.rules.lost.load(Ordering::SeqCst)
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.rules.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends new connections at once, or not. [`Proxy::cut`] ends those that are open.
    pub fn refuse_connections(&self, refuses: bool) {
        self.rules.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Forwards nothing, or again everything that was held meanwhile. Connections stay open, and new ones are accepted.
    pub fn pause(&self, is_paused: bool) {
        self.rules.paused.send_replace(is_paused);
    }

    /// Delays what arrives from now on, in both directions.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        self.rules.delay_millis.store(millis, Ordering::SeqCst);
    }

    /// Forwards new connections to another server. [`Proxy::cut`] ends those to the present one.
    pub fn connect_to(&self, server: u16) {
        self.rules.server.store(server, Ordering::SeqCst);
    }
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

    /// Counts a commit, and returns the part of it that shall be lost.
    fn loss_of_commit(&self) -> Option<Loss> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let mut losses = self.losses.lock();
        let (loss, count) = (*losses)?;
        *losses = (count > 1).then_some((loss, count - 1));
        self.lost.fetch_add(1, Ordering::SeqCst);
        Some(loss)
    }

    /// Waits until a message may pass.
    async fn pass(&self) {
        let delay = Duration::from_millis(self.delay_millis.load(Ordering::SeqCst));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.paused.subscribe().wait_for(|is_paused| !is_paused).await;
    }
}

/// Forwards in both directions until one side, or a rule, ends the connection.
async fn forward(client: TcpStream, server: TcpStream, rules: Arc<Rules>) {
    let mut cuts = rules.cuts.subscribe();
    let exchange = Mutex::new(Exchange::default());
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = cuts.changed() => {}
        () = forward_statements(from_client, to_server, &exchange, &rules) => {}
        () = forward_answers(from_server, to_client, &exchange, &rules) => {}
    }
}

async fn forward_statements(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    exchange: &Mutex<Exchange>,
    rules: &Rules,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        rules.pass().await;
        let bytes = &bytes[..length];
        let loss = exchange.lock().statements(bytes, || rules.loss_of_commit());
        if rules.loses(LOSE_STATEMENT) || loss == Some(Loss::Statement) {
            return;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn forward_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    exchange: &Mutex<Exchange>,
    rules: &Rules,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        rules.pass().await;
        let bytes = &bytes[..length];
        let answer = exchange.lock().answers(bytes);
        if rules.loses(LOSE_ANSWER) || answer == Answer::Lost {
            return;
        }
        if rules.swallows.load(Ordering::SeqCst) || answer == Answer::Withheld {
            continue;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

//! A tap on the line between a scraper and the exporter: it hands every byte on as it is, and keeps it.
//!
//! So a test knows what a scraper asked for and what it was given, not what another client with the
//! same headers would be given a moment later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What went over one connection, both ways.
#[derive(Default)]
struct Heard {
    asked: Vec<u8>,
    answered: Vec<u8>,
}

type Connections = Arc<Mutex<Vec<Arc<Mutex<Heard>>>>>;

/// A tap before an address.
pub(super) struct Tap {
    pub(super) url: String,
    connections: Connections,
}

/// A request and its answer: header fields by their names in small letters.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) asked: BTreeMap<String, String>,
    pub(super) answered: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Tap {
    pub(super) async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tap = format!("http://{}", listener.local_addr().unwrap());
        let address = url.trim_start_matches("http://").to_owned();
        let connections = Connections::default();
        let kept = connections.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Who is not there refuses, and so does the tap.
                let Ok(server) = TcpStream::connect(&address).await else { continue };
                let heard = Arc::<Mutex<Heard>>::default();
                kept.lock().unwrap().push(heard.clone());
                tokio::spawn(hand_on(client, server, heard));
            }
        });
        Self { url: tap, connections }
    }

    /// What has been asked and answered completely, in the order of the connections.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        let connections = self.connections.lock().unwrap().clone();
        connections.iter().flat_map(|heard| exchanges(&heard.lock().unwrap())).collect()
    }
}

async fn hand_on(client: TcpStream, server: TcpStream, heard: Arc<Mutex<Heard>>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = copy(from_client, to_server, |bytes| heard.lock().unwrap().asked.extend(bytes));
    let answered =
        copy(from_server, to_client, |bytes| heard.lock().unwrap().answered.extend(bytes));
    tokio::join!(asked, answered);
}

/// Until one side ends, which the other is told.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut keep: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        keep(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // It may have gone already.
    let _ = to.shutdown().await;
}

fn exchanges(heard: &Heard) -> Vec<Exchange> {
    let (mut asked, mut answered) = (&heard.asked[..], &heard.answered[..]);
    let mut exchanges = Vec::new();
    while let (Some((request, more)), Some((answer, rest))) = (head(asked), head(answered)) {
        let length = answer["content-length"].parse().unwrap();
        let Some((body, rest)) = rest.split_at_checked(length) else { break };
        exchanges.push(Exchange { asked: request, answered: answer, body: body.to_vec() });
        (asked, answered) = (more, rest);
    }
    exchanges
}

/// The fields of a head, and what follows it.
fn head(bytes: &[u8]) -> Option<(BTreeMap<String, String>, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..end]).unwrap();
    let fields = text.lines().skip(1).map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Some((fields.collect(), &bytes[end + 4..]))
}

//! Answers that take long because they are read while they are sent.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;

use super::*;
use crate::http::answer::LongAnswer;

const PIECE: Bytes = Bytes::from_static(&[b'x'; 1 << 14]);
const PIECES: usize = 20;

/// An answer in pieces, each of which takes a while.
pub(super) async fn in_pieces() -> Response {
    long(Duration::from_millis(60), PIECES)
}

/// A large answer whose pieces are there at once.
pub(super) async fn at_once() -> Response {
    long(Duration::ZERO, LARGE_BYTES / PIECE.len())
}

fn long(pause: Duration, pieces: usize) -> Response {
    let stream = stream::unfold(0, move |sent| async move {
        tokio::time::sleep(pause).await;
        (sent < pieces).then_some((Ok::<_, Infallible>(PIECE), sent + 1))
    });
    let mut response = Response::new(Body::from_stream(stream));
    response.extensions_mut().insert(LongAnswer);
    response
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn an_answer_may_take_long_while_its_pieces_are_made() {
    let limits = Limits { answer: Duration::from_millis(300), ..SHORT };
    let server = Server::start(limits, false).await;
    let mut stream = server.connect().await;
    let begun = Instant::now();
    stream.write_all(&request("/in-pieces")).await.unwrap();
    let mut answer = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with(b"0\r\n\r\n") && answer.len() > PIECES * PIECE.len());
    assert!(begun.elapsed() > limits.answer, "the test proves nothing");
}

#[tokio::test]
async fn a_long_answer_is_aborted_if_a_piece_is_read_too_slowly() {
    // The reader always reads a little, so that no write stalls.
    let limits = Limits { answer: Duration::from_millis(600), stall: LIMIT, ..SHORT };
    let server = Server::start(limits, false).await;
    let mut stream = server.connect().await;
    stream.write_all(&request("/at-once")).await.unwrap();
    let reading = async {
        let (mut total, mut byte) = (0, [0; 64]);
        loop {
            match stream.read(&mut byte).await {
                Ok(0) | Err(_) => return total,
                Ok(read) => total += read,
            }
            if total < 1 << 14 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let total = timeout(LIMIT, reading).await.expect("the connection is still open");
    assert!(total < LARGE_BYTES, "{total}");
}

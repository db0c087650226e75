//! Notes when an answer begins and when its last byte was written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::connections::Busy;

/// Marks an answer that may take as long as it does, while the client reads on: its time is that of each
/// piece, and stops while the next one is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongAnswer;

/// The answer in progress on a connection. Clones share it.
#[derive(Clone)]
pub(super) struct AnswerTimer(Arc<Shared>);

struct Shared {
    /// When the answer began; `None` between answers.
    begun: watch::Sender<Option<Instant>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Keeps the connection from being idle.
    busy: Option<Busy>,
    /// False once the server has taken the whole body. The end of it may still be in a buffer.
    has_body: bool,
    /// True if the time is that of each piece of the body.
    is_long: bool,
}

impl AnswerTimer {
    pub(super) fn new() -> Self {
        let begun = watch::Sender::new(None);
        Self(Arc::new(Shared { begun, progress: Mutex::default() }))
    }

    /// Completes when writing one answer has taken longer than `limit`.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut begun = self.0.begun.subscribe();
        loop {
            let since = *begun.borrow_and_update();
            // Changes never end, because the sender is in `self`.
            let changed = begun.changed();
            match since {
                Some(since) => {
                    if timeout_at(since + limit, changed).await.is_err() {
                        return;
                    }
                }
                None => drop(changed.await),
            }
        }
    }

    /// Begins an answer with this body.
    pub(super) fn begin(&self, body: Body, busy: Busy, long: Option<LongAnswer>) -> AnswerBody {
        let is_long = long.is_some();
        *self.0.progress.lock() = Progress { busy: Some(busy), has_body: true, is_long };
        self.0.begun.send_replace(Some(Instant::now()));
        AnswerBody { body, timer: self.clone() }
    }

    /// Notes that everything that the server has taken was written.
    fn flushed(&self) {
        let mut progress = self.0.progress.lock();
        if progress.has_body {
            if progress.is_long {
                self.0.begun.send_replace(None);
            }
        } else if progress.busy.take().is_some() {
            self.0.begun.send_replace(None);
        }
    }
}

/// Body of the answer in progress.
pub(super) struct AnswerBody {
    body: Body,
    timer: AnswerTimer,
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.timer.0.progress.lock().has_body = false;
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() && self.timer.0.progress.lock().is_long {
            self.timer.0.begun.send_replace(Some(Instant::now()));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Stream of a connection, which tells the timer when it was flushed.
pub(super) struct AnswerStream<S> {
    pub(super) stream: S,
    pub(super) timer: AnswerTimer,
}

impl<S: Read + Unpin> Read for AnswerStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for AnswerStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.timer.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

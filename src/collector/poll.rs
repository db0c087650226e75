//! One poll: the whole window, or an error.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::books::Books;
use super::error::{PollError, Reason};
use crate::api::{Client, RecordsFilter, RecordsQuery};
use crate::record::Timestamp;
use crate::store::Draft;
use crate::sync::{Next, PageRequest, ReadSummary, SyncError, WindowRead};

/// Beyond this difference of clocks a window means something else to each side.
const LARGEST_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;

/// Reads everything that starts at `window_start` or later. Nothing is committed.
pub(super) async fn read_window(
    client: &Client,
    books: &Mutex<Books>,
    window_start: Timestamp,
    now: Timestamp,
    filter: &RecordsFilter,
) -> Result<(Draft, ReadSummary), PollError> {
    let read = WindowRead::new(window_start, now, client.page_size(), filter.clone());
    let read = Mutex::new(read);
    let mut under_way = FuturesUnordered::new();
    loop {
        // Twice as many cursors as requests: while one reads its answer another one asks.
        while under_way.len() < 2 * client.max_concurrent_requests() {
            match locked(&read).next_page() {
                Next::Ask(request) => under_way.push(page(client, books, &read, filter, request)),
                Next::Wait | Next::Done => break,
            }
        }
        match under_way.next().await {
            Some(answered) => answered?,
            None => break,
        }
    }
    drop(under_way);
    let read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    client.limit_page_size(read.limit());
    let everything = RecordsQuery::ascending(window_start, 0, client.page_size(), filter.clone());
    read.finish().map_err(|error| PollError::at(client.records_path(&everything), error))
}

async fn page(
    client: &Client,
    books: &Mutex<Books>,
    read: &Mutex<WindowRead>,
    filter: &RecordsFilter,
    request: PageRequest,
) -> Result<(), PollError> {
    let query =
        RecordsQuery::ascending(request.start_time, request.offset, request.limit, filter.clone());
    let failed = |reason: Reason| PollError::at(client.records_path(&query), reason);
    let listed = client
        .list_records(&query, |page| -> Result<(), SyncError> {
            locked(read).take(&request, &page, &mut locked(books).store)
        })
        .await
        .map_err(|error| failed(error.into()))?;
    check_clock(listed.clock_ahead_millis).map_err(failed)?;
    let mut read = locked(read);
    read.note_clock(listed.clock_ahead_millis.unwrap_or(0));
    // A smaller page may have been granted for this request than the walk had asked for.
    read.limit_pages(client.page_size());
    listed.value.map_err(|error| failed(error.into()))
}

/// Refuses an answer of another time.
pub(super) fn check_clock(ahead_millis: Option<i64>) -> Result<(), Reason> {
    match ahead_millis {
        Some(ahead_millis) if ahead_millis.abs() > LARGEST_CLOCK_DIFFERENCE_MILLIS => {
            Err(Reason::Clock { ahead_millis })
        }
        _ => Ok(()),
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A draft is thrown away with its poll, and a store changes only by a whole commit, so neither
    // is left half-written by a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

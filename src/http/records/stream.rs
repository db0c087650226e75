//! A list that is read while it is answered.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::claims::Claimed;
use super::query::{Format, Query};
use crate::listing::{
    CsvWriter, ListingOptions, NONE, ReadError, Row, SelectedListing, Selection, columns,
    hide_names,
};
use crate::project::Project;
use crate::snapshot::UserNames;
use records_api::clock::Clock;
use records_api::record::Record;

/// Number of bytes after which a chunk is sent.
const CHUNK_BYTES: usize = 64 << 10;

/// The records of some projects, one project after the other.
pub(in crate::http) struct RecordList {
    query: Query,
    clock: Arc<dyn Clock>,
    /// Projects that are not begun yet, with the form of their users.
    waiting: VecDeque<(Arc<Project>, UserNames)>,
    current: Option<Current>,
    /// Records that were read before the answer began.
    first: Option<Listed>,
    _claimed: Claimed,
}

/// The list of one project.
struct Current {
    project: Arc<Project>,
    names: UserNames,
    selection: Selection,
    listing: SelectedListing,
}

/// Some records of a project, in the form in which they are shown.
pub(in crate::http) struct Listed {
    pub(in crate::http) project: Arc<Project>,
    pub(in crate::http) records: Vec<Record<'static>>,
}

/// The failure of a list.
#[derive(Debug, thiserror::Error)]
#[error("{project}: {error} ({}): {}", error.request, error.failure.remedy())]
pub(in crate::http) struct ListError {
    project: String,
    error: ReadError,
}

impl RecordList {
    pub(super) fn new(
        sources: Vec<(Arc<Project>, UserNames)>,
        query: Query,
        claimed: Claimed,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let waiting = sources.into();
        Self { query, clock, waiting, current: None, first: None, _claimed: claimed }
    }

    /// Reads the first records, so that an API that refuses the request is answered as an error.
    pub(super) async fn read_first(&mut self) -> Result<(), ListError> {
        self.first = self.next().await?;
        Ok(())
    }

    /// Returns the next records; `None` after the last ones.
    pub(in crate::http) async fn next(&mut self) -> Result<Option<Listed>, ListError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let Some(current) = &mut self.current else {
                let Some((project, names)) = self.waiting.pop_front() else { return Ok(None) };
                self.current =
                    Some(Current::begin(project, names, &self.query, &self.clock).await?);
                continue;
            };
            match current.next(&self.query).await? {
                Some(listed) => return Ok(Some(listed)),
                None => self.current = None,
            }
        }
    }

    /// Returns the body of the answer. It ends with an error if the list fails, so that the connection is
    /// cut off before the last chunk.
    pub(super) fn into_body(self, format: Format, is_raw: bool) -> Body {
        let begin = match format {
            Format::Json => b"{\"records\":[".to_vec(),
            Format::Csv => csv(is_raw, |writer| writer.header(columns())),
        };
        let answer = Answer {
            list: self,
            format,
            is_raw,
            ready: begin.into(),
            has_row: false,
            is_done: false,
        };
        Body::from_stream(stream::try_unfold(answer, |mut answer| async move {
            Ok::<_, ListError>(answer.next_chunk().await?.map(|chunk| (chunk, answer)))
        }))
    }
}

impl Current {
    async fn begin(
        project: Arc<Project>,
        names: UserNames,
        query: &Query,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ListError> {
        let config = project.config();
        let options = ListingOptions {
            client: config.client.clone(),
            clock: clock.clone(),
            range: query.range,
            filter: config.options.filter.clone(),
            hides_names: !names.are_shown(),
        };
        let selection = selection(query, &names, &project);
        match SelectedListing::new(options, &selection).await {
            Ok(listing) => Ok(Self { project, names, selection, listing }),
            Err(error) => Err(ListError { project: project.name().to_owned(), error }),
        }
    }

    /// Returns the next records that are selected, with hidden names removed.
    async fn next(&mut self, query: &Query) -> Result<Option<Listed>, ListError> {
        let failed = |error| ListError { project: self.project.name().to_owned(), error };
        let Some(part) = self.listing.next_part().await.map_err(failed)? else { return Ok(None) };
        let records = part.into_records().filter(|record| self.selection.matches(record));
        let shown = records.filter_map(|record| self.shown(record, query));
        Ok(Some(Listed { project: self.project.clone(), records: shown.collect() }))
    }

    /// Returns a record as it is shown; `None` if its user is not the one of the query.
    fn shown(&self, mut record: Record<'static>, query: &Query) -> Option<Record<'static>> {
        if self.names.are_shown() {
            return Some(record);
        }
        hide_names(&mut record, |name| Some(self.names.shown(&name.into())?.to_string()));
        let user = record.username.as_deref().unwrap_or(NONE);
        query.user.as_deref().is_none_or(|wanted| wanted == user).then_some(record)
    }
}

/// Returns the selection of a query. Where names are hidden, neither users nor desktops are selected by
/// name.
fn selection(query: &Query, names: &UserNames, project: &Project) -> Selection {
    let mut selection = query.selection.clone();
    if names.are_shown() {
        (selection.user, selection.desktop) = (query.user.clone(), query.desktop.clone());
    } else {
        selection.desktop_id.clone_from(&query.desktop);
    }
    let view = project.view();
    let pools = view.records.iter().flat_map(|records| &records.pools);
    let wanted = pools.filter(|pool| Some(&pool.name) == selection.pool.as_ref());
    selection.pool_ids = wanted.map(|pool| pool.id.clone()).collect();
    selection
}

/// The body of an answer.
struct Answer {
    list: RecordList,
    format: Format,
    is_raw: bool,
    /// Bytes that are not sent yet.
    ready: Bytes,
    has_row: bool,
    is_done: bool,
}

impl Answer {
    /// Returns the next piece of the body; `None` after the last one.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, ListError> {
        while self.ready.is_empty() {
            if self.is_done {
                return Ok(None);
            }
            let listed = self.list.next().await.inspect_err(|error| {
                tracing::warn!(project = error.project, %error, "a list of records failed");
            })?;
            self.is_done = listed.is_none();
            self.ready = match (listed, self.format) {
                (Some(listed), Format::Csv) => self.csv_rows(&listed).into(),
                (Some(listed), Format::Json) => self.json_rows(&listed).into(),
                (None, Format::Csv) => Bytes::new(),
                (None, Format::Json) => Bytes::from_static(b"]}\n"),
            };
        }
        Ok(Some(self.ready.split_to(self.ready.len().min(CHUNK_BYTES))))
    }

    fn csv_rows(&self, listed: &Listed) -> Vec<u8> {
        csv(self.is_raw, |writer| listed.rows().try_for_each(|row| writer.row(row.values())))
    }

    fn json_rows(&mut self, listed: &Listed) -> Vec<u8> {
        let mut json = Vec::new();
        for row in listed.rows() {
            if std::mem::replace(&mut self.has_row, true) {
                json.push(b',');
            }
            json.push(b'\n');
            serde_json::to_writer(&mut json, &row).expect("a row has no value that fails");
        }
        json
    }
}

impl Listed {
    /// Returns the records with the name of their project.
    pub(in crate::http) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { project: self.project.name(), record })
    }
}

fn csv(
    is_raw: bool,
    write: impl FnOnce(&mut CsvWriter<&mut Vec<u8>>) -> io::Result<()>,
) -> Vec<u8> {
    let mut output = Vec::new();
    let mut writer = CsvWriter::new(&mut output, is_raw);
    write(&mut writer).and_then(|()| writer.flush()).expect("memory takes everything");
    drop(writer);
    output
}

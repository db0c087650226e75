//! A listing of the records that meet a selection.

use futures_util::future::try_join;

use super::error::{ReadError, ReadFailure};
use super::list::{Listing, Part};
use super::options::ListingOptions;
use super::requests::check_time;
use super::selection::{NONE, Selection};
use records_api::record::{Record, Timestamp};
use records_api::{PageSizing, RecordsFilter, RecordsQuery};

/// A listing whose API filters as far as it can. Every row is checked, too.
pub struct SelectedListing {
    options: ListingOptions,
    state: State,
}

enum State {
    /// No record can meet the conditions of both the project and the selection.
    Excluded,
    /// Nothing was returned yet. An API that refuses the filter, or counts records with it and lists none,
    /// is asked without the selection.
    Begun(Listing),
    /// Some records were returned, or the list is read without the selection.
    Running(Listing),
}

impl SelectedListing {
    /// Starts a listing. The filter of `options` is that of the project.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a request fails that finds out whether the desktop is an id or a name.
    pub async fn new(options: ListingOptions, selection: &Selection) -> Result<Self, ReadError> {
        let Some(filter) = selection.filter(&options.filter) else {
            return Ok(Self { options, state: State::Excluded });
        };
        let narrowed = ListingOptions { filter, ..options.clone() };
        let narrowed = match &selection.desktop {
            // Boxed, because the future is large.
            Some(desktop) if desktop != NONE => Box::pin(with_desktop(narrowed, desktop)).await?,
            _ => narrowed,
        };
        let is_narrowed = narrowed.filter != options.filter;
        let listing = Listing::new(narrowed);
        let state = if is_narrowed { State::Begun(listing) } else { State::Running(listing) };
        Ok(Self { options, state })
    }

    /// Returns the next part; `None` after the last one. It may hold records that were not selected,
    /// because the API need not filter.
    ///
    /// # Errors
    ///
    /// [`ReadError`] as [`Listing::next_part`].
    pub async fn next_part(&mut self) -> Result<Option<Part>, ReadError> {
        let listing = match &mut self.state {
            State::Excluded => return Ok(None),
            State::Running(listing) => return listing.next_part().await,
            State::Begun(listing) => listing,
        };
        let part = match listing.next_part().await {
            // A count may ignore the filter. Without the filter, the rows decide.
            Err(error) if error.refuses_request() || error.lost_rows() => {
                let mut listing = Listing::new(self.options.clone());
                let part = listing.next_part().await;
                self.state = State::Running(listing);
                return part;
            }
            part => part?,
        };
        let has_rows = |part: &Part| !part.is_empty() || !part.rejected.is_empty();
        if part.as_ref().is_some_and(has_rows)
            && let State::Begun(listing) = std::mem::replace(&mut self.state, State::Excluded)
        {
            self.state = State::Running(listing);
        }
        Ok(part)
    }

    /// Returns the start up to which all records were returned.
    pub fn position(&self) -> Timestamp {
        match &self.state {
            State::Excluded => self.options.range.start,
            State::Begun(listing) | State::Running(listing) => listing.position(),
        }
    }
}

/// Adds the desktop to the filter if the API returns a record of it, either by id or by name. Otherwise
/// the whole range is read: an API that does not know the name of a filter may ignore it, refuse it, or
/// return nothing.
async fn with_desktop(
    mut options: ListingOptions,
    desktop: &str,
) -> Result<ListingOptions, ReadError> {
    let (mut by_id, mut by_name) = (options.filter.clone(), options.filter.clone());
    if by_id.desktop_id.is_some() || !by_id.desktop_names.is_empty() {
        return Ok(options);
    }
    by_id.desktop_id = Some(desktop.to_owned());
    by_name.desktop_names = vec![desktop.to_owned()];
    // The API takes a list that is separated by commas.
    let may_be_name = !desktop.contains(',');
    let (has_id, has_name) = try_join(
        returns(&options, &by_id, |record| record.desktop_id.as_deref() == Some(desktop)),
        async {
            let is_named = |record: &Record<'_>| record.desktop_name.as_deref() == Some(desktop);
            Ok(may_be_name && returns(&options, &by_name, is_named).await?)
        },
    )
    .await?;
    match (has_id, has_name) {
        (true, false) => options.filter = by_id,
        (false, true) => options.filter = by_name,
        _ => {}
    }
    Ok(options)
}

/// Returns whether the first record that the API lists with a filter is one that `is_wanted`.
async fn returns(
    options: &ListingOptions,
    filter: &RecordsFilter,
    is_wanted: impl Fn(&Record<'_>) -> bool,
) -> Result<bool, ReadError> {
    let ListingOptions { client, range, hides_names, .. } = options;
    let query = RecordsQuery::ascending(range.start.floor_to_second(), 0, 1, filter.clone())
        .hiding_names(*hides_names);
    let failed = |failure: ReadFailure| ReadError::at(client.records_path(&query), failure);
    match client.list_records(&query, PageSizing::Fixed).await {
        Ok(listed) => {
            check_time(&listed).map_err(failed)?;
            Ok(listed.page.page().rows.iter().flatten().next().is_some_and(is_wanted))
        }
        Err(error) if error.refuses_request() => Ok(false),
        Err(error) => Err(failed(error.into())),
    }
}

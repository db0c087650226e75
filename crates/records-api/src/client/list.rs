//! Requests a page of records, and finds out how many rows the server returns per page.

use std::time::Duration;

use http::StatusCode;

use super::Client;
use super::page_size::PageSize;
use super::query::RecordsQuery;
use crate::call::{ApiCall, Decoded, PageLimit};
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::wire::{OwnedPage, PageError};

/// Treatment of the page size in a request for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSizing {
    /// No other size is tried: a refusal may be about a parameter of the query.
    Fixed,
    /// Smaller sizes are tried if the server refuses the request.
    Shrinking,
    /// The same, and a larger page is requested if a test of a learned size is due. If the server
    /// does not return it, this costs one more request.
    Tested,
}

/// A page of records, and the clock of the server that returned it.
#[derive(Debug)]
pub struct Listed {
    /// The page with its body.
    pub page: OwnedPage,
    /// Number of rows that were requested.
    pub requested: u32,
    /// Time by which the API's clock is ahead of this machine's, in milliseconds, according to the `Date` header;
    /// `None` if the answer has no readable one.
    pub clock_ahead_millis: Option<i64>,
    /// Age of the answer, if it comes from a cache.
    pub age: Option<Duration>,
}

impl Client {
    /// Requests one page of records. Rows that are not records are rejections in the page.
    ///
    /// Lowers `query.limit` to the page size that the server is known to grant. If it refuses the
    /// request, `sizing` says whether smaller page sizes are tried. The largest one that is accepted
    /// is remembered, and tested from time to time.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the configured retries if it is transient.
    pub async fn list_records(
        &self,
        query: &RecordsQuery,
        sizing: PageSizing,
    ) -> Result<Listed, ApiError> {
        let mut query = query.clone();
        let is_limited = query.limit >= self.page_size();
        query.limit = query.limit.min(self.page_size());
        if sizing == PageSizing::Tested
            && is_limited
            && let Some(listed) = self.test_page_size(&query).await?
        {
            return Ok(listed);
        }
        match self.list(&query, self.http.limits.max_retries).await {
            Err(error) if sizing != PageSizing::Fixed && error.refuses_request() => {
                self.find_page_size(query, error).await
            }
            result => result,
        }
    }

    /// Requests a larger page if a test of the page size is due. `None` if none is due, or if the
    /// server does not return the larger page.
    async fn test_page_size(&self, query: &RecordsQuery) -> Result<Option<Listed>, ApiError> {
        let Some(test) = self.page_size.begin_page() else { return Ok(None) };
        let mut larger = query.clone();
        larger.limit = test.rows;
        // Without retries, so that a test costs one request at most.
        match self.list(&larger, 0).await {
            Ok(listed) => {
                self.report(test.accepted(listed.page.page().rows.len()));
                Ok(Some(listed))
            }
            // A smaller page may succeed. A test never makes a poll fail.
            Err(error) if error.may_depend_on_page_size() => {
                test.confirmed();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the largest page size that the server accepts, after it refused `query`. Makes at most
    /// ten requests.
    async fn find_page_size(
        &self,
        mut query: RecordsQuery,
        refusal: ApiError,
    ) -> Result<Listed, ApiError> {
        let refused = query.limit;
        let mut accepted = loop {
            // If no page size is accepted, the first refusal has the true reason.
            let Some(smaller) = PageSize::smaller_than(query.limit) else { return Err(refusal) };
            query.limit = smaller;
            match self.list(&query, self.http.limits.max_retries).await {
                Ok(listed) => break listed,
                Err(error) if error.refuses_request() => {}
                Err(_) => return Err(refusal),
            }
        };
        // The refusals may have been about something else, which is over now. So the refused sizes
        // are tried once more, the largest first.
        accepted.page.copy_body(query.offset);
        let granted = query.limit;
        query.limit = refused;
        while query.limit > granted {
            match self.list(&query, self.http.limits.max_retries).await {
                Ok(listed) => {
                    accepted = listed;
                    break;
                }
                Err(error) if error.refuses_request() => {
                    query.limit = PageSize::smaller_than(query.limit).unwrap_or(granted);
                }
                // This says nothing about the size.
                Err(_) => break,
            }
        }
        if accepted.requested < refused {
            self.report(self.page_size.lower(accepted.requested, PageLimit::Refused));
        }
        Ok(accepted)
    }

    async fn list(&self, query: &RecordsQuery, max_retries: usize) -> Result<Listed, ApiError> {
        let endpoint = Endpoint::ScreenRecords;
        let request = self.request(endpoint, &query.to_query_string())?;
        let hidden = query.hidden_names();
        let call = self.http.api_call(endpoint, request, &self.session);
        let call = ApiCall { max_retries, hidden, ..call };
        let sent = self.http.send(&call, |response| {
            OwnedPage::parse(&response.body, query.offset).map_err(page_error)
        });
        let sent = sent.await.map_err(|error| self.with_invalid_file(error))?;
        let Decoded { value: page, clock_ahead_millis, age } = sent;
        Ok(Listed { page, requested: query.limit, clock_ahead_millis, age })
    }
}

fn page_error(error: PageError) -> ApiError {
    let endpoint = Endpoint::ScreenRecords;
    match error {
        // According to the documents, some errors are sent with status 200.
        PageError::Reported(error_body) => ApiError::Refused {
            endpoint,
            status: StatusCode::OK,
            error_body,
            cause: None,
            retry_after: None,
        },
        PageError::NotJson(_) | PageError::NoRecords => {
            ApiError::Invalid { endpoint, what: error.to_string() }
        }
    }
}

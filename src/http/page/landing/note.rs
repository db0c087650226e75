//! The error of a failing project, with the request that failed and the remedy.

use crate::http::page::html::{age, escaped, moment};
use crate::project::Status;
use crate::snapshot::Failure;
use records_api::THROTTLED_REMEDY;
use records_api::record::Timestamp;

/// Formats what somebody should know about a project that has no current snapshot.
pub(super) fn note(status: &Status, now: Timestamp) -> Option<String> {
    if let Some(failure) = &status.failure {
        return Some(error(failure, now));
    }
    // A first sync waits for the end of each pause, so it has not failed.
    let waits = status.view.records.is_none() && status.budget.throttled_seconds > 0.0;
    waits.then(|| {
        format!(
            "Throttled: the API refuses requests that come too fast (429), and the first sync waits.\
             <br>Remedy: {}",
            escaped(THROTTLED_REMEDY)
        )
    })
}

fn error(failure: &Failure, now: Timestamp) -> String {
    let request = failure.request.as_deref().map_or_else(String::new, |request| {
        let method = if request.starts_with('/') { "GET " } else { "" };
        format!("<br>Request: <code>{method}{}</code>", escaped(request))
    });
    format!(
        "Failing since {since} ({age}): {what}{request}<br>Remedy: {remedy}",
        since = moment(failure.since),
        age = age(now, failure.since),
        what = escaped(&failure.what),
        remedy = escaped(&failure.remedy),
    )
}

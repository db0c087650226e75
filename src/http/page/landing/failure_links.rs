//! Links to the failures that a number stands for.

use url::form_urlencoded;

use crate::http::links::Links;
use crate::http::page::html::escaped;
use records_api::record::Status;

/// Failures of a project or of all, in a status or in any.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailureLinks<'a> {
    pub(super) project: Option<&'a str>,
    pub(super) status: Option<Status>,
    pub(super) links: &'a Links,
}

impl FailureLinks<'_> {
    /// Formats the number of unresolved failures.
    pub(super) fn unresolved(self, number: u64) -> String {
        self.link(true, "bad", &format!("{number} unresolved"))
    }

    /// Formats the number of failures from before counting began.
    pub(super) fn uncounted(self, number: u64) -> String {
        self.link(false, "warn", &format!("{number} before counting"))
    }

    fn link(self, counted: bool, class: &str, text: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(project) = self.project {
            query.append_pair("project", project);
        }
        if let Some(status) = self.status {
            query.append_pair("status", status.code());
        }
        query.append_pair("counted", if counted { "true" } else { "false" });
        let address = format!("{}?{}", self.links.link("/failures"), query.finish());
        format!("<a class=\"{class}\" href=\"{}\">{text}</a>", escaped(&address))
    }
}

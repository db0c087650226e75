//! Requests as they arrive, and answers as they leave.

pub(crate) mod answer;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod huge_body;
pub(crate) mod request;

//! Requests as they are received, and answers as they are sent.

pub(crate) mod answer;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod huge_body;
pub(crate) mod request;

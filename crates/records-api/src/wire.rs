//! From the bytes of a page to records: the one place that knows the wire format.
//!
//! Tolerant of everything that the documents leave open (types of scalars, null, absent, unknown
//! fields and values), strict where tolerance would mean guessing: a body that is no page at all
//! is an error, a row without identity or start is a rejection. Pages borrow from the body.

mod error_body;
mod page;
pub(crate) mod pools;
mod row;
mod scalar;
mod utf8_repair;

pub use error_body::ErrorBody;
pub(crate) use error_body::one_line;
pub use page::{OwnedPage, Page, PageError};
pub use pools::DesktopPool;

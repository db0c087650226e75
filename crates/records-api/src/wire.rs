//! Parses the bodies of responses. No other module depends on the wire format.
//!
//! Parsing accepts everything that the API's documents leave open: types of scalars, null, missing
//! and unknown fields, unknown values. It does not guess: a body that is not a page is an error,
//! and a row without an id or a start is a rejection. Pages borrow their texts from the body.

mod error_body;
mod page;
pub(crate) mod pools;
mod repair;
mod row;
mod scalar;

pub use error_body::ErrorBody;
pub(crate) use error_body::one_line;
pub use page::{OwnedPage, Page, PageError};
pub use pools::DesktopPool;

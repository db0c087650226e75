//! Compares the API's counts with the ledger, and locates a difference.
//!
//! A [`count`] that differs in two polls in a row starts a [`bisection`]: the API is asked for the
//! counts from later and later starts, which are compared with the [`expected`] ones.

mod bisection;
mod count;
mod expected;

pub use bisection::{BisectionContext, CountBisection};
pub use count::CountTaken;

pub(in crate::sync) use count::Count;

//! A PostgreSQL of a test's own, and a proxy in front of it that loses messages.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may panic")]

mod proxy;
mod server;
mod small_disk;

pub use self::{
    proxy::{Loss, Proxy},
    server::{Server, ServerOptions},
};

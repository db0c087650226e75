//! One call to an API: the transport, the limits, the retries, and the backoff after credentials
//! were refused.

mod backoff;
mod body;
mod budget;
mod connection;
mod date;
mod gate;
mod limits;
mod observer;
mod refusal;
mod retry;
mod secret_scan;
mod throttle;
mod transport;
mod transport_error;
mod trust;

pub use backoff::CredentialBackoff;
pub use budget::{MemoryBudget, ReadLimit};
pub(crate) use gate::Gate;
pub use limits::Limits;
pub use observer::{Observer, PageLimit, PageSizeChange};
pub use refusal::{Refusal, RefusalStore};
pub(crate) use retry::{ApiCall, CredentialSource, Decoded, RetryingClient};
pub(crate) use throttle::requested_pause;
pub use transport::{HttpTransport, Response, Transport};
pub use transport_error::TransportError;
pub use trust::Trust;

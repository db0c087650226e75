//! Number of connections to the listeners: raises the limit on file descriptors, and reserves those that
//! everything else needs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::App;
use crate::config::Config;
use crate::http::Connections;

/// Soft limit that is asked for. The hard limit may be "unlimited" or a billion, and nothing needs that.
const WANTED_LIMIT: u64 = 65_536;
/// Maximum number of connections, whatever the limit on descriptors: it bounds memory.
const MAX_CONNECTIONS: u64 = 3072;
/// Connections that are accepted even if descriptors may run out.
const MIN_CONNECTIONS: u64 = 16;
/// A few clients need fewer than this.
const FEW_CONNECTIONS: u64 = 256;

/// Descriptors of the process: the runtime, output, config files, certificates, name resolution, and
/// connections that are closing.
const OF_PROCESS: u64 = 128;
/// Descriptors of a project beside those for its requests: the state, a state that is being rewritten,
/// their directory, files of credentials and sign-in.
const OF_PROJECT: u64 = 8;

/// The connections to the listeners, limited by the number of descriptors.
pub(crate) struct ConnectionLimit {
    connections: Connections,
    descriptors: u64,
    /// Number of reserved descriptors that the log last warned of.
    warned: Option<u64>,
}

impl ConnectionLimit {
    /// Creates the connections of this exporter, whose process may have this many descriptors.
    pub(crate) fn new(descriptors: u64, app: &App) -> Self {
        let connections = Connections::new(0, app.collector().instruments().clone());
        let mut limit = Self { connections, descriptors, warned: None };
        limit.update(app);
        limit
    }

    /// The connections, for the listeners.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Follows a config that needs more or fewer descriptors for other things. Logs if few are left.
    pub(super) fn update(&mut self, app: &App) {
        let (limit, reserved) = (self.descriptors, reserved(app.config()));
        let max = limit.saturating_sub(reserved).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        self.connections.set_max(usize::try_from(max).expect("a small number"));
        if max < FEW_CONNECTIONS && self.warned.replace(reserved) != Some(reserved) {
            tracing::warn!(
                limit,
                wanted = reserved,
                connections = max,
                remedy = "raise the hard limit on open files (LimitNOFILE in systemd, --ulimit nofile \
                          in Docker, ulimit -Hn in a shell)",
                "the limit on open files leaves few connections for clients"
            );
        }
    }
}

/// Raises the soft limit on open files as far as the hard limit allows. Returns the limit in force.
pub(crate) fn raise_open_files_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(WANTED_LIMIT);
    if wanted <= current {
        return current;
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, limit = current, "cannot raise the limit on open files");
            current
        }
    }
}

/// Returns the number of descriptors that are needed at most beside connections to the listeners.
fn reserved(config: &Config) -> u64 {
    let requests = config.api.max_concurrent_requests as u64;
    let projects = config.projects.len() as u64;
    // A name is resolved with one descriptor for each request, before its connection has another.
    OF_PROCESS + config.web.listen_addresses.len() as u64 + projects * (2 * requests + OF_PROJECT)
}

//! The catalog of metrics: the only place that declares a name, a kind, a help text or labels.
//!
//! Each metric is a `static`, so that a misspelt one does not compile. The encoders, the exporter's own
//! registry, the table in the documentation and the tests read [`CATALOG`].

/// The type of a metric, as Prometheus knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up.
    Counter,
    /// Observations in buckets.
    Histogram,
}

impl Kind {
    /// The word of the `# TYPE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Where a metric is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// About the records of a project: in a snapshot.
    Records,
    /// About the exporter itself: only on `/metrics`.
    Exporter,
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Full name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// What the `# HELP` line says, with the unit.
    pub help: &'static str,
    /// Label names, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// Where it is served.
    pub scope: Scope,
}

impl Metric {
    /// The name of its family in `OpenMetrics`, where a counter's has no `_total`.
    pub fn family_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }

    /// The unit that its name ends in, if it has one.
    pub fn unit(&self) -> Option<&'static str> {
        let (_, last) = self.family_name().rsplit_once('_')?;
        ["seconds", "bytes", "ratio"].contains(&last).then_some(last)
    }
}

macro_rules! catalog {
    ($($constant:ident: $scope:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                help: $help,
                labels: &[$($label),*],
                scope: Scope::$scope,
            };
        )*

        /// Every metric, in the order in which they are served.
        pub static CATALOG: &[&Metric] = &[$(&$constant),*];
    };
}

catalog! {
    SCREEN_RECORDS: Records Gauge "workspace_screen_records"
        ["project", "status", "type", "pool"]
        "Screen recordings in the window.";
    SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_screen_records_size_bytes"
        ["project", "status", "type", "pool"]
        "Sizes of the screen recordings in the window, added up, in bytes.";
    SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_screen_records_duration_seconds"
        ["project", "status", "type", "pool"]
        "Video durations of the screen recordings in the window, added up, in seconds.";
    USER_SCREEN_RECORDS: Records Gauge "workspace_user_screen_records"
        ["project", "user", "status"]
        "Screen recordings in the window, by user.";
    USER_SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_user_screen_records_size_bytes"
        ["project", "user", "status"]
        "Sizes of the screen recordings in the window, added up by user, in bytes.";
    USER_SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_user_screen_records_duration_seconds"
        ["project", "user", "status"]
        "Video durations of the screen recordings in the window, added up by user, in seconds.";
    SCREEN_RECORDS_UNRESOLVED: Records Gauge "workspace_screen_records_unresolved"
        ["project", "status", "type", "pool"]
        "Screen recordings that failed while they were watched and have not been uploaded since.";
    SCREEN_RECORDS_SEEN_TOTAL: Records Counter "workspace_screen_records_seen_total"
        ["project", "type", "pool"]
        "Screen recordings seen for the first time since counting began.";
    SCREEN_RECORD_TRANSITIONS_TOTAL: Records Counter "workspace_screen_record_transitions_total"
        ["project", "status", "type", "pool"]
        "Times that a screen recording was seen to enter the status since counting began.";
    USER_SCREEN_RECORD_TRANSITIONS_TOTAL: Records Counter "workspace_user_screen_record_transitions_total"
        ["project", "user", "status"]
        "Times that a screen recording of the user was seen to enter the status.";
    SCREEN_RECORDS_EXPIRED_IN_FLIGHT_TOTAL: Records Counter "workspace_screen_records_expired_in_flight_total"
        ["project", "status", "pool"]
        "Screen recordings that left the window while they were in flight.";
    SCREEN_RECORD_FILE_SIZE_BYTES: Records Histogram "workspace_screen_record_file_size_bytes"
        ["project", "type"]
        "Sizes of files in bytes, observed when the recording is first seen settled.";
    SCREEN_RECORD_VIDEO_DURATION_SECONDS: Records Histogram "workspace_screen_record_video_duration_seconds"
        ["project", "type"]
        "Durations of videos in seconds, observed when the recording is first seen settled.";
    SCREEN_RECORD_UPLOAD_DELAY_SECONDS: Records Histogram "workspace_screen_record_upload_delay_seconds"
        ["project", "type"]
        "Time from the end of a recording to its upload in seconds, observed when it is first seen uploaded.";
    SCREEN_RECORDS_OLDEST_START_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_start_timestamp_seconds"
        ["project", "status", "pool"]
        "Start of the oldest recording in this in-flight status, in seconds since the epoch.";
    SCREEN_RECORDS_OLDEST_UPDATE_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_update_timestamp_seconds"
        ["project", "status", "pool"]
        "Least recent change of a recording in this in-flight status, in seconds since the epoch.";
    SCREEN_RECORDS_NEWEST_START_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_newest_start_timestamp_seconds"
        ["project"]
        "Start of the newest recording, in seconds since the epoch.";
    SCREEN_RECORDS_REPORTED: Records Gauge "workspace_screen_records_reported"
        ["project"]
        "The API's own count of the window in the same poll; absent without a usable count.";
    SCREEN_RECORDS_OLDEST_READ_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_read_timestamp_seconds"
        ["project"]
        "When the record that was read longest ago was read, in seconds since the epoch.";
    DESKTOP_POOL_INFO: Records Gauge "workspace_desktop_pool_info"
        ["project", "pool", "name"]
        "The names of the desktop pools; always 1.";
    SCREEN_RECORDS_WINDOW_SECONDS: Records Gauge "workspace_screen_records_window_seconds"
        ["project"]
        "Length of the window, in seconds.";
    SCREEN_RECORDS_UP: Records Gauge "workspace_screen_records_up"
        ["project"]
        "1 if the last poll succeeded, 0 if it failed or none has been completed yet.";
    SCREEN_RECORDS_SNAPSHOT_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_snapshot_timestamp_seconds"
        ["project"]
        "When the served snapshot was complete, in seconds since the epoch.";
    BUILD_INFO: Exporter Gauge "screen_records_exporter_build_info"
        ["version", "revision", "rustversion"]
        "What was built; always 1.";
    SYNC_MODE: Exporter Gauge "screen_records_exporter_sync_mode"
        ["project", "mode"]
        "How the window is kept up to date: 1 for the mode in use.";
    FIRST_SYNC_PROGRESS_RATIO: Exporter Gauge "screen_records_exporter_first_sync_progress_ratio"
        ["project"]
        "The part of the first sync that is done, from 0 to 1.";
    POLL_API_REQUESTS: Exporter Gauge "screen_records_exporter_poll_api_requests"
        ["project"]
        "Requests to the records API that the last finished poll made.";
    REJECTED_RECORDS: Exporter Gauge "screen_records_exporter_rejected_records"
        ["project", "reason"]
        "Rows of the window that could not be understood in the last successful poll.";
    UNKNOWN_VALUES: Exporter Gauge "screen_records_exporter_unknown_values"
        ["project", "field"]
        "Records of the last successful poll with a value that could not be understood in this field.";
    FOLDED_LABEL_VALUES: Exporter Gauge "screen_records_exporter_folded_label_values"
        ["project", "label"]
        "Values of the label in the window that are folded into _other.";
    STORE_RECORDS: Exporter Gauge "screen_records_exporter_store_records"
        ["project"]
        "Records that are known, those that the API shows no longer included.";
    STORE_BYTES: Exporter Gauge "screen_records_exporter_store_bytes"
        ["project"]
        "Size of the state on disk, in bytes.";
    STATE_COMMIT_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_state_commit_duration_seconds"
        []
        "How long it took to make a poll durable, in seconds.";
    POLLS_TOTAL: Exporter Counter "screen_records_exporter_polls_total"
        ["project", "outcome"]
        "Polls that were finished.";
    POLL_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_poll_duration_seconds"
        ["project"]
        "How long polls took, in seconds.";
    API_REQUESTS_TOTAL: Exporter Counter "screen_records_exporter_api_requests_total"
        ["project", "endpoint", "code"]
        "Requests to the API, and for credentials, by HTTP status, or timeout, connect or invalid.";
    API_REQUEST_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_api_request_duration_seconds"
        ["project", "endpoint"]
        "How long requests to the API took, in seconds.";
    API_THROTTLED_SECONDS_TOTAL: Exporter Counter "screen_records_exporter_api_throttled_seconds_total"
        ["project"]
        "Time that requests waited because the API asked for a pause, in seconds.";
    CREDENTIAL_EXPIRY_TIMESTAMP_SECONDS: Exporter Gauge "screen_records_exporter_credential_expiry_timestamp_seconds"
        ["project"]
        "When the credentials that were obtained expire, in seconds since the epoch; absent where nobody knows.";
    CONFIG_LAST_RELOAD_SUCCESSFUL: Exporter Gauge "screen_records_exporter_config_last_reload_successful"
        []
        "1 if the config could be read when that was last tried, else 0.";
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: Exporter Gauge "screen_records_exporter_config_last_reload_success_timestamp_seconds"
        []
        "When the config was last read with success, in seconds since the epoch.";
    HTTP_REQUESTS_TOTAL: Exporter Counter "screen_records_exporter_http_requests_total"
        ["path", "code"]
        "Requests to the exporter, by HTTP status.";
    PROCESS_CPU_SECONDS_TOTAL: Exporter Counter "process_cpu_seconds_total"
        []
        "Processor time of the process, in seconds.";
    PROCESS_OPEN_FDS: Exporter Gauge "process_open_fds"
        []
        "Open file descriptors.";
    PROCESS_MAX_FDS: Exporter Gauge "process_max_fds"
        []
        "Most file descriptors that may be open.";
    PROCESS_VIRTUAL_MEMORY_BYTES: Exporter Gauge "process_virtual_memory_bytes"
        []
        "Virtual memory of the process, in bytes.";
    PROCESS_RESIDENT_MEMORY_BYTES: Exporter Gauge "process_resident_memory_bytes"
        []
        "Resident memory of the process, in bytes.";
    PROCESS_START_TIME_SECONDS: Exporter Gauge "process_start_time_seconds"
        []
        "When the process started, in seconds since the epoch.";
    PROCESS_THREADS: Exporter Gauge "process_threads"
        []
        "Threads of the process.";
}

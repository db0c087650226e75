//! The catalog of metrics: the only place that declares a name, a kind, a help text or labels.
//!
//! Each metric is a `static`, so a misspelt name does not compile. The encoders, the exporter's own
//! registry, the documentation's table and the tests read [`CATALOG`].

/// Type of a metric in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Value that goes up and down.
    Gauge,
    /// Value that only goes up.
    Counter,
    /// Observations in buckets.
    Histogram,
}

impl Kind {
    /// Returns the type as written in the `# TYPE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Endpoints that serve a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Describes the records of a project: `/metrics` and `/probe`.
    Records,
    /// Describes the exporter itself: only `/metrics`.
    Exporter,
}

/// Declaration of a metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Full name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Text of the `# HELP` line, with the unit.
    pub help: &'static str,
    /// Label names, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// Endpoints that serve it.
    pub scope: Scope,
}

impl Metric {
    /// Returns the name of the family in `OpenMetrics`, which drops the `_total` of a counter.
    pub fn family_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }

    /// Returns the unit that the family name ends in, if any.
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
        "Number of screen recordings in the window.";
    SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_screen_records_size_bytes"
        ["project", "status", "type", "pool"]
        "Total size of the screen recordings in the window, in bytes.";
    SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_screen_records_duration_seconds"
        ["project", "status", "type", "pool"]
        "Total video duration of the screen recordings in the window, in seconds.";
    USER_SCREEN_RECORDS: Records Gauge "workspace_user_screen_records"
        ["project", "user", "status"]
        "Number of screen recordings of the user in the window.";
    USER_SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_user_screen_records_size_bytes"
        ["project", "user", "status"]
        "Total size of the screen recordings of the user in the window, in bytes.";
    USER_SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_user_screen_records_duration_seconds"
        ["project", "user", "status"]
        "Total video duration of the screen recordings of the user in the window, in seconds.";
    BUCKET_SCREEN_RECORDS: Records Gauge "workspace_bucket_screen_records"
        ["project", "bucket", "status"]
        "Number of screen recordings of the OBS bucket in the window.";
    BUCKET_SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_bucket_screen_records_size_bytes"
        ["project", "bucket", "status"]
        "Total size of the screen recordings of the OBS bucket in the window, in bytes.";
    BUCKET_SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_bucket_screen_records_duration_seconds"
        ["project", "bucket", "status"]
        "Total video duration of the screen recordings of the OBS bucket in the window, in seconds.";
    POLICY_SCREEN_RECORDS: Records Gauge "workspace_policy_screen_records"
        ["project", "policy", "status"]
        "Number of screen recordings under the recording policy in the window.";
    POLICY_SCREEN_RECORDS_SIZE_BYTES: Records Gauge "workspace_policy_screen_records_size_bytes"
        ["project", "policy", "status"]
        "Total size of the screen recordings under the recording policy in the window, in bytes.";
    POLICY_SCREEN_RECORDS_DURATION_SECONDS: Records Gauge "workspace_policy_screen_records_duration_seconds"
        ["project", "policy", "status"]
        "Total video duration of the screen recordings under the recording policy in the window, in seconds.";
    DESKTOPS_RECORDED: Records Gauge "workspace_desktops_recorded"
        ["project", "pool"]
        "Number of desktops with a screen recording in the window.";
    DESKTOPS_RECORDED_LAST_DAY: Records Gauge "workspace_desktops_recorded_last_day"
        ["project", "pool"]
        "Number of desktops with a screen recording that started in the 24 hours before the poll.";
    SCREEN_RECORDS_UNRESOLVED: Records Gauge "workspace_screen_records_unresolved"
        ["project", "status", "type", "pool"]
        "Number of unresolved failures: recordings in a failed status whose failure was counted.";
    SCREEN_RECORDS_SEEN_TOTAL: Records Counter "workspace_screen_records_seen_total"
        ["project", "type", "pool"]
        "Total number of screen recordings seen for the first time since counting began.";
    SCREEN_RECORD_TRANSITIONS_TOTAL: Records Counter "workspace_screen_record_transitions_total"
        ["project", "status", "type", "pool"]
        "Total number of times a screen recording was seen to enter the status since counting began.";
    USER_SCREEN_RECORD_TRANSITIONS_TOTAL: Records Counter "workspace_user_screen_record_transitions_total"
        ["project", "user", "status"]
        "Total number of times a screen recording of the user was seen to enter the status since counting began.";
    SCREEN_RECORDS_UPLOADED_BYTES_TOTAL: Records Counter "workspace_screen_records_uploaded_bytes_total"
        ["project", "type", "pool"]
        "Total size of the screen recordings whose upload was seen to complete since counting began, in bytes.";
    SCREEN_RECORDS_UPLOADED_VIDEO_SECONDS_TOTAL: Records Counter "workspace_screen_records_uploaded_video_seconds_total"
        ["project", "type", "pool"]
        "Total video duration of the screen recordings whose upload was seen to complete since counting began, in seconds.";
    SCREEN_RECORDS_EXPIRED_IN_FLIGHT_TOTAL: Records Counter "workspace_screen_records_expired_in_flight_total"
        ["project", "status", "pool"]
        "Total number of screen recordings that left the window while in flight.";
    SCREEN_RECORD_FILE_SIZE_BYTES: Records Histogram "workspace_screen_record_file_size_bytes"
        ["project", "type"]
        "File size in bytes, observed when the recording is first seen settled.";
    SCREEN_RECORD_VIDEO_DURATION_SECONDS: Records Histogram "workspace_screen_record_video_duration_seconds"
        ["project", "type"]
        "Video duration in seconds, observed when the recording is first seen settled.";
    SCREEN_RECORD_UPLOAD_DELAY_SECONDS: Records Histogram "workspace_screen_record_upload_delay_seconds"
        ["project", "type"]
        "Time from the end of a recording to its upload in seconds, observed when the recording is first seen uploaded.";
    SCREEN_RECORDS_OLDEST_START_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_start_timestamp_seconds"
        ["project", "status", "pool"]
        "Unix time at which the oldest recording in this in-flight status started.";
    SCREEN_RECORDS_OLDEST_UPDATE_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_update_timestamp_seconds"
        ["project", "status", "pool"]
        "Unix time of the least recent update among the recordings in this in-flight status.";
    SCREEN_RECORDS_NEWEST_START_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_newest_start_timestamp_seconds"
        ["project", "pool"]
        "Unix time at which the newest recording of the pool in the window started.";
    SCREEN_RECORDS_REPORTED: Records Gauge "workspace_screen_records_reported"
        ["project"]
        "Number of records in the window as counted by the API; absent without a usable count.";
    SCREEN_RECORDS_OLDEST_READ_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_oldest_read_timestamp_seconds"
        ["project"]
        "Unix time of the oldest read still relied on.";
    DESKTOP_POOL_INFO: Records Gauge "workspace_desktop_pool_info"
        ["project", "pool", "name"]
        "Name of a desktop pool; the value is always 1.";
    DESKTOP_POOL_DESKTOPS: Records Gauge "workspace_desktop_pool_desktops"
        ["project", "pool"]
        "Number of desktops in the pool as reported by the API, whether or not they must be recorded.";
    SCREEN_RECORDS_COUNTING_SINCE_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_counting_since_timestamp_seconds"
        ["project"]
        "Unix time at which counting began; a jump means that a state was lost.";
    SCREEN_RECORDS_WINDOW_SECONDS: Records Gauge "workspace_screen_records_window_seconds"
        ["project"]
        "Length of the window in seconds.";
    SCREEN_RECORDS_UP: Records Gauge "workspace_screen_records_up"
        ["project"]
        "1 if the last poll succeeded, 0 if it failed or no poll has completed yet.";
    SCREEN_RECORDS_SNAPSHOT_TIMESTAMP_SECONDS: Records Gauge "workspace_screen_records_snapshot_timestamp_seconds"
        ["project"]
        "Unix time at which the served snapshot was completed.";
    BUILD_INFO: Exporter Gauge "screen_records_exporter_build_info"
        ["version", "revision", "rustversion"]
        "Version, revision and compiler of this build; the value is always 1.";
    SYNC_MODE: Exporter Gauge "screen_records_exporter_sync_mode"
        ["project", "mode"]
        "How the window is kept up to date: 1 for the active mode, 0 for the others.";
    FIRST_SYNC_PROGRESS_RATIO: Exporter Gauge "screen_records_exporter_first_sync_progress_ratio"
        ["project"]
        "Progress of the first sync, from 0 to 1.";
    POLL_API_REQUESTS: Exporter Gauge "screen_records_exporter_poll_api_requests"
        ["project"]
        "Number of requests to the records API made by the last finished poll.";
    PAGE_SIZE: Exporter Gauge "screen_records_exporter_page_size"
        ["project"]
        "Number of rows requested per page: as configured, or fewer if the API grants fewer.";
    REJECTED_RECORDS: Exporter Gauge "screen_records_exporter_rejected_records"
        ["project", "reason"]
        "Number of rows in the window that the last successful poll could not interpret.";
    UNKNOWN_VALUES: Exporter Gauge "screen_records_exporter_unknown_values"
        ["project", "field"]
        "Number of records with a value in this field that the last successful poll could not interpret.";
    FOLDED_LABEL_VALUES: Exporter Gauge "screen_records_exporter_folded_label_values"
        ["project", "label"]
        "Number of values of the label in the window that are folded into _other.";
    STORE_RECORDS: Exporter Gauge "screen_records_exporter_store_records"
        ["project"]
        "Records in the local store, including ones the API no longer lists.";
    STORE_BYTES: Exporter Gauge "screen_records_exporter_store_bytes"
        ["project"]
        "Size of the state on disk in bytes.";
    STORE_TEXTS: Exporter Gauge "screen_records_exporter_store_texts"
        ["project"]
        "Names in the local store: pools, users, statuses, and types.";
    STATE_COMMIT_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_state_commit_duration_seconds"
        []
        "Time taken to commit a poll to disk, in seconds.";
    POLLS_TOTAL: Exporter Counter "screen_records_exporter_polls_total"
        ["project", "outcome"]
        "Total number of finished polls, by outcome.";
    POLL_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_poll_duration_seconds"
        ["project"]
        "Duration of polls in seconds.";
    API_REQUESTS_TOTAL: Exporter Counter "screen_records_exporter_api_requests_total"
        ["project", "endpoint", "code"]
        "Total number of requests to the API and for credentials, by HTTP status, or timeout, connect or invalid.";
    API_REQUEST_DURATION_SECONDS: Exporter Histogram "screen_records_exporter_api_request_duration_seconds"
        ["project", "endpoint"]
        "Duration of requests to the API and for credentials, in seconds.";
    API_THROTTLED_SECONDS_TOTAL: Exporter Counter "screen_records_exporter_api_throttled_seconds_total"
        ["project"]
        "Total time in seconds that requests were held back because the API asked for a pause.";
    CREDENTIAL_EXPIRY_TIMESTAMP_SECONDS: Exporter Gauge "screen_records_exporter_credential_expiry_timestamp_seconds"
        ["project"]
        "Unix time at which the current credentials expire; absent if unknown.";
    CONFIG_LAST_RELOAD_SUCCESSFUL: Exporter Gauge "screen_records_exporter_config_last_reload_successful"
        []
        "1 if the last attempt to load the config succeeded, 0 if it failed.";
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: Exporter Gauge "screen_records_exporter_config_last_reload_success_timestamp_seconds"
        []
        "Unix time of the last successful load of the config.";
    HTTP_REQUESTS_TOTAL: Exporter Counter "screen_records_exporter_http_requests_total"
        ["path", "code"]
        "Total number of HTTP requests to the exporter, by route and status code.";
    STATE_AVAILABLE: Exporter Gauge "screen_records_exporter_state_available"
        []
        "Whether the database with the state answered last and accepted the last change (1) or not (0).";
    STATE_REPLICAS: Exporter Gauge "screen_records_exporter_state_replicas"
        []
        "Number of replicas that have shown themselves in the database within the last lease.";
    STATE_LEADER: Exporter Gauge "screen_records_exporter_state_leader"
        ["project"]
        "Whether this replica polls the project (1) or follows another one (0).";
    STATE_EPOCH: Exporter Gauge "screen_records_exporter_state_epoch"
        ["project"]
        "Number of the leadership of the project. It grows with each takeover.";
    STATE_LAG_COMMITS: Exporter Gauge "screen_records_exporter_state_lag_commits"
        ["project"]
        "Number of pieces of commits in the database that this replica does not serve yet.";
    STATE_TAKEOVERS_TOTAL: Exporter Counter "screen_records_exporter_state_takeovers_total"
        []
        "Total number of projects that this replica took over, from another replica or after a restart.";
    STATE_FENCED_TOTAL: Exporter Counter "screen_records_exporter_state_fenced_total"
        []
        "Total number of commits that were refused because another replica leads the project.";
    STATE_ROUND_TRIP_SECONDS: Exporter Histogram "screen_records_exporter_state_round_trip_seconds"
        []
        "Time in seconds that the database took for a commit, or for the question before an answer.";
    HTTP_CONNECTIONS: Exporter Gauge "screen_records_exporter_http_connections"
        []
        "Number of open connections to the exporter.";
    HTTP_CONNECTIONS_REFUSED_TOTAL: Exporter Counter "screen_records_exporter_http_connections_refused_total"
        ["reason"]
        "Total number of connections that were refused, or closed to make room for others.";
    LOG_LINES_DROPPED_TOTAL: Exporter Counter "screen_records_exporter_log_lines_dropped_total"
        []
        "Total number of log lines that were dropped because stderr was not read or could not be written.";
    PROCESS_CPU_SECONDS_TOTAL: Exporter Counter "process_cpu_seconds_total"
        []
        "Total user and system CPU time spent in seconds.";
    PROCESS_OPEN_FDS: Exporter Gauge "process_open_fds"
        []
        "Number of open file descriptors.";
    PROCESS_MAX_FDS: Exporter Gauge "process_max_fds"
        []
        "Maximum number of open file descriptors.";
    PROCESS_VIRTUAL_MEMORY_BYTES: Exporter Gauge "process_virtual_memory_bytes"
        []
        "Virtual memory size in bytes.";
    PROCESS_RESIDENT_MEMORY_BYTES: Exporter Gauge "process_resident_memory_bytes"
        []
        "Resident memory size in bytes.";
    PROCESS_START_TIME_SECONDS: Exporter Gauge "process_start_time_seconds"
        []
        "Start time of the process since the Unix epoch in seconds.";
    PROCESS_THREADS: Exporter Gauge "process_threads"
        []
        "Number of OS threads in the process.";
}

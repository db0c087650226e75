"""Names of metrics that several panels use, and their labels."""

RECORDS = "workspace_screen_records"
UNRESOLVED = "workspace_screen_records_unresolved"
USER_TRANSITIONS = "workspace_user_screen_record_transitions_total"
UP = "workspace_screen_records_up"
SNAPSHOT = "workspace_screen_records_snapshot_timestamp_seconds"
REPORTED = "workspace_screen_records_reported"
OLDEST_READ = "workspace_screen_records_oldest_read_timestamp_seconds"
OLDEST_START = "workspace_screen_records_oldest_start_timestamp_seconds"
NEWEST_START = "workspace_screen_records_newest_start_timestamp_seconds"
DESKTOPS_RECORDED = "workspace_desktops_recorded"


# Series of dashboards/recording-rules.yml. The prefix names their labels.
ALL_RECORDS = "project:workspace_screen_records:sum"
NEWEST_SNAPSHOT = "project_job_instance:workspace_screen_records_snapshot_timestamp_seconds:newest"
POOL_NAMES = "project_pool_name:workspace_desktop_pool_info:group"
POOL_RECORDS = "project_pool_status:workspace_screen_records:sum"
POOL_UNRESOLVED = "project_pool_status:workspace_screen_records_unresolved:sum"
POOL_SIZE = "project_pool_type:workspace_screen_records_size_bytes:sum"
POOL_TRANSITIONS = "project_pool_status:workspace_screen_record_transitions:increase1h"
POOL_SEEN = "project_pool:workspace_screen_records_seen:increase1h"
POOL_EXPIRED = "project_pool:workspace_screen_records_expired_in_flight:increase1h"
POOL_UPLOADED_BYTES = "project_pool:workspace_screen_records_uploaded_bytes:increase1h"
POOL_UPLOADED_SECONDS = "project_pool:workspace_screen_records_uploaded_video_seconds:increase1h"
POOL_DESKTOPS_LAST_DAY = "project_pool:workspace_desktops_recorded_last_day:max"
POOL_DESKTOPS = "project_pool:workspace_desktop_pool_desktops:max"

BY_PROJECT = ("project",)
BY_PROJECT_AND_POOL = ("project", "pool")
BY_GROUP = ("project", "status", "type", "pool")
"""Labels of metrics by pool and type."""
BY_POOL = ("project", "status", "pool")
"""Labels of timestamps."""

"""Names of metrics that several panels use, and their labels."""

RECORDS = "workspace_screen_records"
UNRESOLVED = "workspace_screen_records_unresolved"
TRANSITIONS = "workspace_screen_record_transitions_total"
USER_TRANSITIONS = "workspace_user_screen_record_transitions_total"
SEEN = "workspace_screen_records_seen_total"
UP = "workspace_screen_records_up"
SNAPSHOT = "workspace_screen_records_snapshot_timestamp_seconds"
REPORTED = "workspace_screen_records_reported"
OLDEST_READ = "workspace_screen_records_oldest_read_timestamp_seconds"
OLDEST_START = "workspace_screen_records_oldest_start_timestamp_seconds"
NEWEST_START = "workspace_screen_records_newest_start_timestamp_seconds"
DESKTOPS_RECORDED = "workspace_desktops_recorded"

BY_PROJECT = ("project",)
BY_PROJECT_AND_POOL = ("project", "pool")
BY_GROUP = ("project", "status", "type", "pool")
"""Labels of metrics by pool and type."""
BY_POOL = ("project", "status", "pool")
"""Labels of timestamps and of recordings that expired in flight."""

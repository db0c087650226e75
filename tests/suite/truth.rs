//! The exposition of records that a truth of the simulator calls for, written from the contract.

use std::collections::BTreeMap;
use std::time::Duration;

use records_api_simulator::{Sums, Truth};

const STATUSES: [&str; 6] =
    ["RECORDING", "REC_COMPLETED", "REC_FAILED", "UPLOADING", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Everything about records that a scrape must show after a good poll, but for its moments and the
/// API's own count.
pub(crate) fn expected(truth: &Truth, window: Duration) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, labels: &str, value: f64| {
        let comma = if labels.is_empty() { "" } else { "," };
        all.insert(format!("workspace_{name}{{project=\"p\"{comma}{labels}}}"), value);
    };
    let kind = |status: &str, kind: &str, pool: &str| {
        format!("status=\"{status}\",type=\"{kind}\",pool=\"{}\"", escaped(pool))
    };
    let user = |user: &str, status: &str| format!("user=\"{}\",status=\"{status}\"", escaped(user));
    let bucket =
        |name: &str, status: &str| format!("bucket=\"{}\",status=\"{status}\"", escaped(name));
    let policy =
        |name: &str, status: &str| format!("policy=\"{}\",status=\"{status}\"", escaped(name));
    for suffix in ["", "_size_bytes", "_duration_seconds"] {
        for row in &truth.by_pool {
            for status in STATUSES {
                let labels = kind(status, row.kind, &row.pool);
                put(&format!("screen_records{suffix}"), &labels, 0.0);
            }
        }
        for row in &truth.by_user {
            for status in STATUSES {
                put(&format!("user_screen_records{suffix}"), &user(&row.user, status), 0.0);
            }
        }
        let value = |sums: &Sums| match suffix {
            "" => sums.count as f64,
            "_size_bytes" => sums.size as f64,
            _ => sums.duration as f64,
        };
        for row in &truth.by_bucket {
            for status in STATUSES {
                put(&format!("bucket_screen_records{suffix}"), &bucket(&row.bucket, status), 0.0);
            }
        }
        for row in &truth.by_policy {
            for status in STATUSES {
                put(&format!("policy_screen_records{suffix}"), &policy(&row.policy, status), 0.0);
            }
        }
        for row in &truth.by_bucket {
            let labels = bucket(&row.bucket, row.status);
            put(&format!("bucket_screen_records{suffix}"), &labels, value(&row.sums));
        }
        for row in &truth.by_policy {
            let labels = policy(&row.policy, row.status);
            put(&format!("policy_screen_records{suffix}"), &labels, value(&row.sums));
        }
        for row in &truth.by_pool {
            let labels = kind(row.status, row.kind, &row.pool);
            put(&format!("screen_records{suffix}"), &labels, value(&row.sums));
        }
        for row in &truth.by_user {
            let labels = user(&row.user, row.status);
            put(&format!("user_screen_records{suffix}"), &labels, value(&row.sums));
        }
    }
    for row in &truth.oldest {
        let labels = format!("status=\"{}\",pool=\"{}\"", row.status, escaped(&row.pool));
        let seconds = |millis: i64| millis as f64 / 1000.0;
        put("screen_records_oldest_start_timestamp_seconds", &labels, seconds(row.start));
        put("screen_records_oldest_update_timestamp_seconds", &labels, seconds(row.update));
    }
    // A pool without records has zeros only if its name is read, and here no names are.
    for pool in truth.pools.iter().filter(|pool| pool.newest_start.is_some()) {
        let labels = format!("pool=\"{}\"", escaped(&pool.pool));
        let newest = pool.newest_start.unwrap() as f64 / 1000.0;
        put("screen_records_newest_start_timestamp_seconds", &labels, newest);
        put("desktops_recorded", &labels, pool.recorded as f64);
        put("desktops_recorded_last_day", &labels, pool.recorded_last_day as f64);
    }
    put("screen_records_window_seconds", "", window.as_secs_f64());
    put("screen_records_up", "", 1.0);
    all
}

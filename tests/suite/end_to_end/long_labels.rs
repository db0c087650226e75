//! A Prometheus that limits the length of label values keeps a target whose users have longer names.

use std::path::Path;

use super::prometheus::{Prometheus, scrapes};
use crate::long_labels::{api_of, long_names};
use crate::support::{Exporter, config, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_stays_up_if_prometheus_and_the_exporter_have_the_same_limit() {
    let users = long_names();
    let api = api_of(&users).await;
    for (max, is_up) in [(201, false), (200, true)] {
        let exporter =
            Exporter::start(&config(&api, &format!("[labels]\nmax_value_bytes = {max}\n"))).await;
        exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
        let more =
            "  label_value_length_limit: 200\n  label_name_length_limit: 100\n  label_limit: 20\n";
        let prometheus =
            Prometheus::launch(Path::new("prometheus"), &[], &scrapes(&exporter.url, "2s", more))
                .await;
        eventually("a scrape has come in", async || prometheus.value("up").await).await;
        assert_eq!(prometheus.value("up").await, Some(f64::from(u8::from(is_up))), "{max}");
        let count =
            prometheus.value("count(count by (user) (workspace_user_screen_records))").await;
        assert_eq!(count, is_up.then_some(users.len() as f64), "{max}");
    }
}

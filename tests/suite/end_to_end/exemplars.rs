//! Each Prometheus that keeps exemplars names the record that failed, through restarts.

use std::collections::BTreeSet;

use super::scraped::{Case, Scraping, all_scraping};
use super::stage::Stage;
use crate::support::eventually;

/// The records that it names as failed uploads.
async fn named(scraping: &Scraping) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for counter in ["workspace_screen_record", "workspace_user_screen_record"] {
        let query = format!("{counter}_transitions_total{{status=\"UPLOAD_FAILED\"}}");
        let parameters = [("query", &*query), ("start", "1700000000"), ("end", "4000000000")];
        let answer = scraping.prometheus.get("query_exemplars", &parameters).await;
        for series in answer["data"].as_array().unwrap() {
            for exemplar in series["exemplars"].as_array().unwrap() {
                assert_eq!(exemplar["value"], "1", "{exemplar}");
                named.insert(exemplar["labels"]["record_id"].as_str().unwrap().to_owned());
            }
        }
    }
    named
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_prometheus_that_keeps_exemplars_names_each_record_that_failed() {
    let stage = Stage::begin().await;
    let mut exporter = stage.exporter().await;
    let cases = Case::all().into_iter().filter(Case::has_exemplars).collect();
    let all = all_scraping(&stage.url, cases).await;
    let mut failed = BTreeSet::new();
    for restarts in 0..2 {
        failed.insert(stage.fail());
        for scraping in &all {
            let what = format!("{} names {failed:?}", scraping.name());
            eventually(&what, async || (named(scraping).await == failed).then_some(())).await;
        }
        let (code, _) = exporter.process.end_by("TERM").await;
        assert_eq!(code, Some(0), "after {restarts} restarts");
        exporter = stage.exporter().await;
    }
    // It names the last of them again, as before.
    let given: Vec<_> = all.iter().map(|scraping| scraping.tap.exchanges().len()).collect();
    for (scraping, given) in all.iter().zip(given) {
        eventually("it is scraped again", async || {
            (scraping.tap.exchanges().len() > given + 1).then_some(())
        })
        .await;
        assert_eq!(named(scraping).await, failed, "{}", scraping.name());
        scraping.assert_no_complaint();
    }
}

//! What the panels show is right: before a pair of exporters each recording counts once, and where the
//! names of pools are not to be had, their ids stand in their place.

use std::collections::BTreeMap;
use std::path::Path;

use records_api_simulator::{Options, Status};
use serde_json::Value;

use super::prometheus::{INTERVAL, Prometheus, records, scrapes};
use super::queries::interpolated;
use super::stage::served;
use crate::dashboards::board::{Target, targets};
use crate::support::{Exporter, config};

/// The values by their labels, but for the exporter's address.
type Shown = BTreeMap<String, f64>;

fn shown(series: &Value) -> Shown {
    let series = series.as_array().unwrap().iter();
    let of = |one: &Value| {
        let mut labels = one["metric"].clone();
        labels.as_object_mut().unwrap().remove("instance");
        (labels.to_string(), one["value"][1].as_str().unwrap().parse().unwrap())
    };
    series.map(of).collect()
}

/// Those whose figures stay as they are while the records do, and that need neither a week of history nor the
/// list of pools, which the API forbids here.
fn of_records() -> Vec<Target> {
    let is_moving = |query: &str| {
        ["time()", "rate(", "increase(", "offset", "desktop_pool_desktops"]
            .iter()
            .any(|m| query.contains(m))
    };
    let targets =
        targets().into_iter().filter(|target| target.place.starts_with("screen-records.json"));
    let targets = targets.filter(|target| !is_moving(&target.expression));
    // One row for each exporter is what it is there for.
    targets.filter(|target| !target.place.contains(": Projects ")).collect()
}

/// Two exporters that have polled once: before many uploads were done, and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_is_counted_once_and_pools_without_names_have_their_ids() {
    let mut options = Options { records: 1000, ..Options::default() };
    options.forbid_pools = true;
    let (simulator, api) = served(&options).await;
    let ids: Vec<_> = simulator.edit(|world| {
        let uploading = (0..200).map(|_| world.insert_at(world.now() - 1000, Status::Uploading));
        uploading.collect()
    });
    let mut exporters = Vec::new();
    for _ in 0..2 {
        let exporter = Exporter::start(&config(&api, "poll.min_interval = \"1h\"\n")).await;
        exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
        exporters.push(exporter);
        simulator.edit(|world| {
            for id in &ids {
                world.set_status(*id, Status::UploadCompleted);
            }
            world.insert_at(world.now(), Status::Recording);
        });
    }
    let addresses: Vec<_> =
        exporters.iter().map(|exporter| exporter.url.trim_start_matches("http://")).collect();
    let both = addresses.join("', '");
    let recording = |targets: &str| records(&scrapes(targets, INTERVAL, ""));
    let program = Path::new("prometheus");
    let prometheus = Prometheus::launch(program, &[], &recording(&both)).await;
    let single = Prometheus::launch(program, &[], &recording(addresses[1])).await;
    for (prometheus, exporters) in [(&prometheus, 2), (&single, 1)] {
        // The rules were evaluated after all scrapes, and before the moment of the queries.
        let recorded = "sum(project_pool_status:workspace_screen_records:sum offset 10s)";
        let newest = "max(sum by (instance) (workspace_screen_records))";
        let up = format!("count(workspace_screen_records_up == 1) == {exporters}");
        prometheus.stops_when(&format!("{up} and on () ({recorded} == {newest})")).await;
    }

    let of_all = |metric: &str| format!("sum by (instance) ({metric})");
    let counts = prometheus.query(&of_all("workspace_screen_records"), &["instance"]).await;
    let of = |address: &str| counts[&vec![address.to_owned()]];
    assert!(of(addresses[0]) < of(addresses[1]), "{counts:?}");
    let size = of_all("workspace_screen_records_size_bytes");
    let size = prometheus.query(&size, &["instance"]).await[&vec![addresses[1].to_owned()]];
    let failed = of_all("workspace_screen_records{status=~\"REC_FAILED|UPLOAD_FAILED\"}");
    let failed = prometheus.query(&failed, &["instance"]).await[&vec![addresses[1].to_owned()]];
    assert!(failed > 0.0);
    let totals = BTreeMap::from([
        ("Failed before counting began A", failed),
        ("Recordings in the window, by status A", of(addresses[1])),
        ("Storage by pool A", size),
        ("Storage by type A", size),
    ]);
    let mut checked = 0;
    for target in of_records() {
        let query = interpolated(&target.expression);
        let of_both = shown(&prometheus.answer(&query).await);
        assert_eq!(of_both, shown(&single.answer(&query).await), "{}", target.place);
        assert!(!of_both.is_empty(), "{}", target.place);
        let panel = target.place.split_once(": ").unwrap().1;
        if let Some(total) = totals.get(panel) {
            let sum: f64 = of_both.values().sum();
            assert!((sum - total).abs() < total * 1e-9, "{panel}: {sum} is not {total}");
            checked += 1;
        }
        for labels in of_both.keys().filter(|labels| labels.contains("\"name\"")) {
            let labels: Value = serde_json::from_str(labels).unwrap();
            assert_eq!(labels["name"], labels["pool"], "{}", target.place);
        }
    }
    assert_eq!(checked, totals.len());
}

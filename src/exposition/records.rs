//! The families about records, from what a project can show at this moment.

use std::collections::BTreeMap;

use super::catalog::{self, Metric};
use super::counters::write_counters;
use super::sink::{Labels, Sink, Value};
use crate::ledger::Sums;
use crate::snapshot::{
    Aggregate, NameLabels, PoolDesktops, ProjectLabels, ProjectView, RecordsSnapshot,
};
use records_api::record::Status;

/// The three values of each total.
const VALUES: [fn(&Sums) -> Value; 3] = [
    |sums| sums.records.into(),
    |sums| Value::Integer(sums.size_bytes),
    |sums| Value::Integer(sums.duration_seconds),
];

/// Totals by a name and the status.
type ByName = BTreeMap<NameLabels, Sums>;

/// Writes the record families of all projects, family by family.
pub fn write_projects(projects: &[ProjectView], sink: &mut dyn Sink) {
    let by_kind = [
        &catalog::SCREEN_RECORDS,
        &catalog::SCREEN_RECORDS_SIZE_BYTES,
        &catalog::SCREEN_RECORDS_DURATION_SECONDS,
    ];
    for (metric, value) in by_kind.into_iter().zip(VALUES) {
        sink.family(metric);
        for (labels, snapshot) in shown(projects) {
            for ((status, record_type, pool), sums) in &snapshot.aggregate.kinds {
                sink.gauge(
                    Labels::of_project(labels, &[&labels.project, status, record_type, pool]),
                    value(sums),
                );
            }
        }
    }
    let by_user = [
        &catalog::USER_SCREEN_RECORDS,
        &catalog::USER_SCREEN_RECORDS_SIZE_BYTES,
        &catalog::USER_SCREEN_RECORDS_DURATION_SECONDS,
    ];
    write_by_name(by_user, projects, |aggregate| &aggregate.users, sink);
    let by_bucket = [
        &catalog::BUCKET_SCREEN_RECORDS,
        &catalog::BUCKET_SCREEN_RECORDS_SIZE_BYTES,
        &catalog::BUCKET_SCREEN_RECORDS_DURATION_SECONDS,
    ];
    write_by_name(by_bucket, projects, |aggregate| &aggregate.buckets, sink);
    let by_policy = [
        &catalog::POLICY_SCREEN_RECORDS,
        &catalog::POLICY_SCREEN_RECORDS_SIZE_BYTES,
        &catalog::POLICY_SCREEN_RECORDS_DURATION_SECONDS,
    ];
    write_by_name(by_policy, projects, |aggregate| &aggregate.policies, sink);
    write_desktops(projects, sink);
    write_unresolved(projects, sink);
    write_counters(projects, sink);
    write_moments(projects, sink);
    write_pools(projects, sink);
    write_state(projects, sink);
}

fn write_by_name(
    metrics: [&'static Metric; 3],
    projects: &[ProjectView],
    totals: fn(&Aggregate) -> &ByName,
    sink: &mut dyn Sink,
) {
    for (metric, value) in metrics.into_iter().zip(VALUES) {
        sink.family(metric);
        for (labels, snapshot) in shown(projects) {
            for ((name, status), sums) in totals(&snapshot.aggregate) {
                let values = [&*labels.project, name, status];
                sink.gauge(Labels::of_project(labels, &values), value(sums));
            }
        }
    }
}

fn write_desktops(projects: &[ProjectView], sink: &mut dyn Sink) {
    let metrics = [&catalog::DESKTOPS_RECORDED, &catalog::DESKTOPS_RECORDED_LAST_DAY];
    let values: [fn(&PoolDesktops) -> u64; 2] =
        [|pool| pool.recorded, |pool| pool.recorded_last_day];
    for (metric, value) in metrics.into_iter().zip(values) {
        sink.family(metric);
        for (labels, snapshot) in shown(projects) {
            for (pool, desktops) in &snapshot.aggregate.desktops {
                let values = [&*labels.project, pool];
                sink.gauge(Labels::of_project(labels, &values), value(desktops).into());
            }
        }
    }
}

fn shown(projects: &[ProjectView]) -> impl Iterator<Item = (&ProjectLabels, &RecordsSnapshot)> {
    projects.iter().filter_map(|view| Some((&*view.labels, view.shown()?)))
}

fn write_unresolved(projects: &[ProjectView], sink: &mut dyn Sink) {
    let failed = Status::ALL.into_iter().filter(|status| status.is_failed()).map(Status::code);
    let failed: Vec<_> = failed.collect();
    sink.family(&catalog::SCREEN_RECORDS_UNRESOLVED);
    for (labels, snapshot) in shown(projects) {
        for ((status, record_type, pool), sums) in &snapshot.aggregate.kinds {
            if failed.contains(&status.as_ref()) {
                sink.gauge(
                    Labels::of_project(labels, &[&labels.project, status, record_type, pool]),
                    sums.counted.into(),
                );
            }
        }
    }
}

fn write_moments(projects: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_START_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        for ((status, pool), start) in &snapshot.aggregate.oldest_start {
            sink.gauge(
                Labels::of_project(labels, &[&labels.project, status, pool]),
                start.as_seconds().into(),
            );
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_UPDATE_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        for ((status, pool), update) in &snapshot.aggregate.oldest_update {
            sink.gauge(
                Labels::of_project(labels, &[&labels.project, status, pool]),
                update.as_seconds().into(),
            );
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_NEWEST_START_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        for (pool, newest) in &snapshot.aggregate.newest_start {
            sink.gauge(
                Labels::of_project(labels, &[&labels.project, pool]),
                newest.as_seconds().into(),
            );
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_REPORTED);
    for (labels, snapshot) in shown(projects) {
        if let Some(reported) = snapshot.poll.reported {
            sink.gauge(Labels::of_project(labels, &[&labels.project]), reported.into());
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_READ_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        sink.gauge(
            Labels::of_project(labels, &[&labels.project]),
            snapshot.poll.oldest_read.as_seconds().into(),
        );
    }
}

/// Writes what the list of pools says.
fn write_pools(projects: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::DESKTOP_POOL_INFO);
    for (labels, snapshot) in shown(projects) {
        for pool in &snapshot.pools {
            sink.gauge(
                Labels::of_project(labels, &[&labels.project, &pool.id, &pool.name]),
                true.into(),
            );
        }
    }
    sink.family(&catalog::DESKTOP_POOL_DESKTOPS);
    for (labels, snapshot) in shown(projects) {
        for pool in &snapshot.pools {
            if let Some(desktops) = pool.desktop_count {
                let values = [&*labels.project, &pool.id];
                sink.gauge(Labels::of_project(labels, &values), desktops.into());
            }
        }
    }
}

/// Writes the families that a project has in any state.
fn write_state(projects: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::SCREEN_RECORDS_COUNTING_SINCE_TIMESTAMP_SECONDS);
    for view in projects {
        if let Some(since) = view.counting_since {
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project()]),
                since.as_seconds().into(),
            );
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_WINDOW_SECONDS);
    for view in projects {
        sink.gauge(
            Labels::of_project(&view.labels, &[view.project()]),
            view.window.as_secs_f64().into(),
        );
    }
    sink.family(&catalog::SCREEN_RECORDS_UP);
    for view in projects {
        sink.gauge(Labels::of_project(&view.labels, &[view.project()]), view.up().into());
    }
    sink.family(&catalog::SCREEN_RECORDS_SNAPSHOT_TIMESTAMP_SECONDS);
    for view in projects {
        if let Some(snapshot) = &view.records {
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project()]),
                snapshot.poll.completed.as_seconds().into(),
            );
        }
    }
}

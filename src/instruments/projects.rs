//! The exporter's metrics about each project, written from its snapshot.

use crate::exposition::{CounterValue, HistogramValue, Labels, Metric, Sink, Value, catalog};
use crate::snapshot::{PollDurations, ProjectView, SyncMode};
use records_api::record::{RejectionReason, Timestamp};

/// Writes the metrics about each project. `started` is when the process started.
pub(super) fn write_projects(views: &[ProjectView], started: Timestamp, sink: &mut dyn Sink) {
    write_polls(views, started, sink);
    write_sync_modes(views, sink);
    write_gauge(&catalog::FIRST_SYNC_PROGRESS_RATIO, views, sink, |view| {
        Some(view.first_sync_progress.into())
    });
    write_gauge(&catalog::POLL_API_REQUESTS, views, sink, |view| {
        view.poll_api_requests.map(Value::from)
    });
    write_gauge(&catalog::PAGE_SIZE, views, sink, |view| Some(u64::from(view.page_size).into()));
    write_gauge(&catalog::CREDENTIAL_EXPIRY_TIMESTAMP_SECONDS, views, sink, |view| {
        view.sign_in.expires.map(|expires| expires.as_seconds().into())
    });
    write_folded_values(views, sink);
    write_gauge(&catalog::STORE_RECORDS, views, sink, |view| Some(view.ledger.records.into()));
    write_gauge(&catalog::STORE_BYTES, views, sink, |view| Some(view.ledger.bytes.into()));
    write_gauge(&catalog::STORE_TEXTS, views, sink, |view| Some(view.ledger.names.into()));
    write_anomalies(views, sink);
}

/// Writes a gauge with at most one sample per project.
fn write_gauge(
    metric: &'static Metric,
    views: &[ProjectView],
    sink: &mut dyn Sink,
    value: impl Fn(&ProjectView) -> Option<Value>,
) {
    sink.family(metric);
    for view in views {
        if let Some(value) = value(view) {
            sink.gauge(Labels::of_project(&view.labels, &[view.project()]), value);
        }
    }
}

fn write_sync_modes(views: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::SYNC_MODE);
    for view in views {
        for mode in SyncMode::ALL {
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project(), mode.as_str()]),
                (mode == view.mode).into(),
            );
        }
    }
}

fn write_folded_values(views: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::FOLDED_LABEL_VALUES);
    for view in views {
        let ledger = &view.ledger;
        let figures = [
            ("user", ledger.folded_users),
            ("pool", ledger.folded_pools),
            ("bucket", ledger.folded_buckets),
            ("policy", ledger.folded_policies),
            ("status", ledger.folded_statuses),
            ("type", ledger.folded_types),
        ];
        for (label, count) in figures {
            sink.gauge(Labels::of_project(&view.labels, &[view.project(), label]), count.into());
        }
    }
}

/// Writes the rows and values that could not be understood.
fn write_anomalies(views: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::REJECTED_RECORDS);
    for view in views {
        let Some(snapshot) = &view.records else { continue };
        for reason in RejectionReason::ALL {
            let count = snapshot.poll.rejected.get(&reason).copied().unwrap_or(0);
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project(), reason.as_str()]),
                count.into(),
            );
        }
    }
    sink.family(&catalog::UNKNOWN_VALUES);
    for view in views {
        let Some(snapshot) = &view.records else { continue };
        for (field, count) in &snapshot.poll.unknown_values {
            sink.gauge(Labels::of_project(&view.labels, &[view.project(), field]), (*count).into());
        }
    }
}

/// Writes the polls. `started` is when the process started, and with it their counters.
fn write_polls(views: &[ProjectView], started: Timestamp, sink: &mut dyn Sink) {
    sink.family(&catalog::POLLS_TOTAL);
    for view in views {
        let outcomes = [("failure", view.polls.failures), ("success", view.polls.successes)];
        for (outcome, count) in outcomes {
            sink.counter(
                Labels::of_project(&view.labels, &[view.project(), outcome]),
                &CounterValue { value: count.into(), created: started, exemplar: None },
            );
        }
    }
    sink.family(&catalog::POLL_DURATION_SECONDS);
    for view in views {
        let durations = &view.polls.durations;
        sink.histogram(
            Labels::of_project(&view.labels, &[view.project()]),
            &HistogramValue {
                bounds: PollDurations::BOUNDS.to_vec(),
                buckets: durations.buckets.to_vec(),
                count: view.polls.total(),
                sum: Value::Float(durations.sum.as_secs_f64()),
                created: started,
                native: None,
            },
        );
    }
}

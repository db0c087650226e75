//! The exporter's metrics about each project, written from its snapshot.

use crate::exposition::{CounterValue, HistogramValue, Labels, Sink, Value, catalog};
use crate::snapshot::{PollDurations, ProjectView, SyncMode};
use records_api::record::{RejectionReason, Timestamp};

/// Writes the metrics that are derived from the state of the projects.
pub(super) fn write_projects(views: &[ProjectView], started: Timestamp, sink: &mut dyn Sink) {
    write_polls(views, started, sink);
    sink.family(&catalog::SYNC_MODE);
    for view in views {
        for mode in SyncMode::ALL {
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project(), mode.as_str()]),
                (mode == view.mode).into(),
            );
        }
    }
    sink.family(&catalog::FIRST_SYNC_PROGRESS_RATIO);
    for view in views {
        sink.gauge(
            Labels::of_project(&view.labels, &[view.project()]),
            view.first_sync_progress.into(),
        );
    }
    sink.family(&catalog::POLL_API_REQUESTS);
    for view in views {
        if let Some(requests) = view.poll_api_requests {
            sink.gauge(Labels::of_project(&view.labels, &[view.project()]), requests.into());
        }
    }
    sink.family(&catalog::CREDENTIAL_EXPIRY_TIMESTAMP_SECONDS);
    for view in views {
        if let Some(expires) = view.sign_in.expires {
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project()]),
                expires.as_seconds().into(),
            );
        }
    }
    sink.family(&catalog::FOLDED_LABEL_VALUES);
    for view in views {
        for (label, count) in
            [("user", view.ledger.folded_users), ("pool", view.ledger.folded_pools)]
        {
            sink.gauge(Labels::of_project(&view.labels, &[view.project(), label]), count.into());
        }
    }
    sink.family(&catalog::STORE_RECORDS);
    for view in views {
        sink.gauge(Labels::of_project(&view.labels, &[view.project()]), view.ledger.records.into());
    }
    sink.family(&catalog::STORE_BYTES);
    for view in views {
        sink.gauge(Labels::of_project(&view.labels, &[view.project()]), view.ledger.bytes.into());
    }
    sink.family(&catalog::STORE_TEXTS);
    for view in views {
        sink.gauge(Labels::of_project(&view.labels, &[view.project()]), view.ledger.names.into());
    }
    sink.family(&catalog::REJECTED_RECORDS);
    for view in views {
        let Some(snapshot) = &view.records else { continue };
        for reason in RejectionReason::ALL {
            let count = snapshot.summary.rejected.get(&reason).copied().unwrap_or(0);
            sink.gauge(
                Labels::of_project(&view.labels, &[view.project(), reason.as_str()]),
                count.into(),
            );
        }
    }
    sink.family(&catalog::UNKNOWN_VALUES);
    for view in views {
        let Some(snapshot) = &view.records else { continue };
        for (field, count) in &snapshot.summary.unknown_values {
            sink.gauge(Labels::of_project(&view.labels, &[view.project(), field]), (*count).into());
        }
    }
}

/// Writes the polls. `started` is when the process started, and with it their counters.
fn write_polls(views: &[ProjectView], started: Timestamp, sink: &mut dyn Sink) {
    sink.family(&catalog::POLLS_TOTAL);
    for view in views {
        let outcomes = [("success", view.polls.successes), ("failure", view.polls.failures)];
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

//! Records of every kind become the samples that a naive model calls for.

use proptest::prelude::*;
use records_api::record::{Record, RecordType, Status, Term, Timestamp};
use screen_records_exporter::backfill::{Backfill, ProjectOptions, ValueLimits};
use screen_records_exporter::ledger::ValueLimit;
use screen_records_exporter::snapshot::{ProjectLabels, UserNames};

use super::history::History;
use super::model::Model;

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000;

fn time() -> impl Strategy<Value = Timestamp> {
    // Whole multiples of the steps are more likely than by chance.
    let whole = (0_i64..40).prop_map(|minutes| minutes * 60_000);
    prop_oneof![whole, 0_i64..2_400_000].prop_map(|millis| Timestamp::from_millis(NOON + millis))
}

fn status() -> impl Strategy<Value = Term<'static, Status>> {
    prop_oneof![
        6 => proptest::sample::select(&Status::ALL[..]).prop_map(Term::Known),
        1 => Just(Term::Unknown("ARCHIVED".into())),
        1 => Just(Term::Absent),
    ]
}

fn record_type() -> impl Strategy<Value = Term<'static, RecordType>> {
    prop_oneof![
        4 => proptest::sample::select(&RecordType::ALL[..2]).prop_map(Term::Known),
        1 => Just(Term::Unknown("AUDIO".into())),
        1 => Just(Term::Absent),
    ]
}

fn name(letters: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop::option::weighted(0.9, proptest::sample::select(letters))
}

prop_compose! {
    fn record()(
        start in time(), end in prop::option::of(time()), update in prop::option::of(time()),
        status in status(), record_type in record_type(),
        pool in name(&["pool-a", "pool-b", "pool-c"]), user in name(&["ann", "bob", "carl", "dora"]),
        size in prop::option::of(0_u64..6 << 30), duration in prop::option::of(0_u32..9000),
    ) -> Record<'static> {
        Record {
            end_time: end,
            update_time: update,
            status,
            record_type,
            desktop_pool_id: pool.map(Into::into),
            username: user.map(Into::into),
            size,
            duration,
            ..Record::new("id", start)
        }
    }
}

fn written(model: &Model, records: &[Record<'_>]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut backfill = Backfill::new(folder.path(), model.step, model.has_users);
    let options = ProjectOptions {
        labels: ProjectLabels {
            project: "p".to_owned(),
            constant: Vec::new(),
            value_limit: ValueLimit::new(256),
        },
        users: UserNames::Name,
        limits: ValueLimits { users: model.max_users, pools: model.max_pools },
        end: Timestamp::from_millis(model.end),
    };
    let mut project = backfill.begin(options).unwrap();
    for record in records {
        project.add(record).unwrap();
    }
    backfill.finish(project).unwrap();
    let mut output = Vec::new();
    let written = backfill.write(&mut output).unwrap();
    assert_eq!(written.bytes, output.len() as u64);
    let text = String::from_utf8(output).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(written.samples, samples as u64);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    text
}

proptest! {
    #[test]
    fn samples_equal_those_of_a_naive_model(
        records in prop::collection::vec(record(), 0..40),
        step in proptest::sample::select(&[60_000_i64, 300_000, 77_000][..]),
        length in 600_000_i64..2_500_000,
        max_users in 1_usize..5, max_pools in 1_usize..4, has_users in any::<bool>(),
    ) {
        let model = Model {
            step, end: NOON + length, max_users, max_pools, has_users, constant: ""
        };
        let (found, expected) =
            (History::parse(&written(&model, &records)), model.history(&records));
        prop_assert_eq!(
            found.0.keys().collect::<Vec<_>>(), expected.0.keys().collect::<Vec<_>>()
        );
        for (series, samples) in &found.0 {
            let expected = &expected.0[series];
            prop_assert_eq!(samples.len(), expected.len(), "{}", series);
            for ((time, value), (expected_time, expected)) in samples.iter().zip(expected) {
                prop_assert_eq!(time, expected_time, "{}", series);
                // Sums of fractions depend on the order.
                prop_assert!((value - expected).abs() <= expected * 1e-9, "{} {}", series, time);
            }
        }
    }
}

//! How a property meets its inputs: mutants of the seeds in a plain test, libFuzzer in a build for
//! fuzzing.

use std::panic::RefUnwindSafe;

#[cfg(not(fuzzing))]
use super::mutate::mutant;

/// What inputs are made of.
pub(super) struct Target {
    /// Well-formed inputs.
    pub(super) seeds: Vec<Vec<u8>>,
    /// Pieces that are put in between, and in the place of others.
    pub(super) tokens: &'static [&'static str],
}

/// Mutants for each case of a property test: 256 cases, or `PROPTEST_CASES`.
#[cfg(not(fuzzing))]
const MUTANTS_PER_CASE: u32 = 32;

/// Tells an input that breaks the property, made as small as the recipe of the mutant can be.
#[cfg(not(fuzzing))]
pub(super) fn run(target: &Target, property: impl Fn(&[u8]) + RefUnwindSafe) {
    use proptest::test_runner::{Config, TestError, TestRunner};

    for seed in &target.seeds {
        property(seed);
    }
    let config = Config::default();
    let cases = config.cases.saturating_mul(MUTANTS_PER_CASE);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..config });
    let outcome = runner.run(&recipe(), |recipe| {
        property(&mutant(target, &recipe));
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("{reason}"),
        Err(TestError::Fail(reason, recipe)) => {
            let input = mutant(target, &recipe);
            panic!("{reason}\nfor b\"{}\"", input.escape_ascii());
        }
    }
}

/// libFuzzer mutates the seeds itself, which `tests/fuzz` names to it.
#[cfg(fuzzing)]
pub(super) fn run(_: &Target, property: impl Fn(&[u8]) + RefUnwindSafe) {
    bolero::check!().with_shrink_time(std::time::Duration::ZERO).for_each(property);
}

/// The bytes that a mutant is made by.
pub(super) fn recipe() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::arbitrary::any::<u8>(), 4..40)
}

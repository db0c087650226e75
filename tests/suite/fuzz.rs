//! Fuzzing of everything that reads what others wrote: pages, error bodies, moments, configs.
//!
//! Each target is a test with a property, not only "does not panic". `cargo test` runs it on the
//! seeds and on mutants of them; `tests/fuzz` runs the same test under libFuzzer, which is guided
//! by coverage. Negotiation of `Accept` gets a target beside these once it is built.

mod configs;
mod corpus;
mod engine;
mod exposition;
mod faults;
mod json;
mod model;
mod mutate;
mod pages;
mod times;

//! Dashboards, rules and the queries of the documents: what they name exists, and they are as a person
//! who imports them expects. That their queries answer is asked of a real Prometheus
//! (`end_to_end::queries`).

pub(crate) mod board;
mod lint;
mod look;
pub(crate) mod names;
pub(crate) mod promql;
mod rules;

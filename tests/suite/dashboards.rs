//! Static checks of dashboards, rules and the queries in the documents. `end_to_end::queries` runs the
//! queries in a real Prometheus.

pub(crate) mod board;
mod lint;
mod look;
pub(crate) mod names;
pub(crate) mod promql;
mod rules;

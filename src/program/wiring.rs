//! From the config to the parts that work.

mod options;
mod outside;
mod parts;
mod state;

pub(super) use options::{web_config, web_options};
pub(super) use parts::Parts;

//! Lists of the records themselves: complete, in order, each record once.

mod api;
mod command;
mod failures;
mod listing;
mod web;

//! Credentials over time: files that change, refusals that outlive the process, and projects that
//! share a key.

mod refusals;
mod rotation;
mod secret_files;
mod sharing;

//! Credentials over time: files that change, and refusals that outlive the process.

mod refusals;
mod rotation;
mod secret_files;

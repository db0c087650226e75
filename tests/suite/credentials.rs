//! Credentials over time: files that change.

mod rotation;
mod secret_files;

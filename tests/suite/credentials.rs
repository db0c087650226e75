//! Credentials over time.

mod secret_files;

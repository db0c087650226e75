//! Replicas: exporters that share their state in a real PostgreSQL.

mod agreement;
mod chaos;
mod cluster;
mod commands;
mod copy;
mod counting;
mod differences;
mod disk;
mod failover;
mod holds;
mod leadership;
mod logins;
mod outages;
mod partition;
mod replica;
mod requests;
mod upstream;
mod watcher;

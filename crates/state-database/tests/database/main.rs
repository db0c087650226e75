//! Tests against a real PostgreSQL.

#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod known;
#[cfg(test)]
mod log;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod races;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;

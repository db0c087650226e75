//! How faults are written: `key=value,key=value`, for the command line and at run time.

use std::str::FromStr;

use super::{Fault, FaultKind};
use crate::simulator::{
    refusal::Shape,
    request::Endpoint,
    rows::{RowChange, RowFault, Spoil},
};

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for part in text.split(',') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("expected key=value, found {part:?}"));
            };
            pairs.push((key.trim(), value.trim()));
        }
        let mut keys = Keys(pairs);
        let kind = kind(&mut keys)?;
        let rate = keys.take("rate").map_or(Ok(1.0), share)?;
        let after = keys.number("after")?.unwrap_or(0);
        let times = keys.number("times")?;
        let endpoint = match keys.take("endpoint") {
            None => None,
            Some("records") => Some(Endpoint::Records),
            Some("record") => Some(Endpoint::Record),
            Some("pools") => Some(Endpoint::Pools),
            Some(other) => {
                return Err(format!("endpoint={other}: expected records, record or pools"));
            }
        };
        match keys.0.first() {
            Some((key, _)) => Err(format!("unknown or repeated key {key:?}")),
            None => Ok(Self { kind, rate, after, times, endpoint, text: text.to_owned() }),
        }
    }
}

struct Keys<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Keys<'t> {
    fn take(&mut self, key: &str) -> Option<&'t str> {
        let place = self.0.iter().position(|(other, _)| *other == key)?;
        Some(self.0.remove(place).1)
    }

    fn number(&mut self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.take(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("{key}={text}: expected a whole number"))
    }

    fn one_of<T: Copy>(&mut self, key: &str, names: &[(&str, T)], default: T) -> Result<T, String> {
        let Some(text) = self.take(key) else { return Ok(default) };
        let found = names.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            format!("{key}={text}: expected one of {}", known.join(", "))
        })
    }
}

fn kind(keys: &mut Keys<'_>) -> Result<FaultKind, String> {
    if let Some(status) = keys.number("status")? {
        let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
        return Ok(FaultKind::Status {
            status: status.ok_or("status: expected 400 to 599")?,
            shape: keys.one_of("shape", &Shape::NAMES, Shape::Plain)?,
            retry_after: keys.number("retry-after")?,
        });
    }
    Ok(match keys.take("kind").ok_or("expected status=... or kind=...")? {
        "echo" => FaultKind::Echo,
        "error-body" => FaultKind::ErrorBody,
        "html" => FaultKind::Html,
        "empty-object" => FaultKind::EmptyObject,
        "empty-body" => FaultKind::EmptyBody,
        "truncated" => FaultKind::Truncated,
        "redirect" => FaultKind::Redirect,
        "hang" => FaultKind::Hang,
        "reset" => FaultKind::Reset,
        "drip" => FaultKind::Drip,
        "stale" => FaultKind::Stale,
        "rows" => {
            let spoil = keys.one_of("as", &Spoil::NAMES, Spoil::Null)?;
            row_fault(keys, RowChange::Spoil(spoil))?
        }
        "duplicates" => row_fault(keys, RowChange::Duplicate)?,
        "omitted" => row_fault(keys, RowChange::Omit)?,
        other => {
            return Err(format!(
                "kind={other}: expected echo, error-body, html, empty-object, empty-body, \
                 truncated, redirect, hang, reset, drip, stale, rows, duplicates or omitted"
            ));
        }
    })
}

fn row_fault(keys: &mut Keys<'_>, what: RowChange) -> Result<FaultKind, String> {
    let share = keys.take("share").map_or(Ok(1.0), share)?;
    let seed = keys.number("seed")?.unwrap_or(0);
    Ok(FaultKind::Rows(RowFault { what, share, seed }))
}

/// A number from 0 to 1.
pub(in crate::simulator) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_mean_nothing_are_refused() {
        for wrong in [
            "",
            "html",
            "kind=meteor",
            "status=200",
            "status=503,shape=round",
            "kind=html,rate=2",
            "kind=html,share=0.5",
            "kind=html,after=soon",
            "kind=html,kind=html",
            "kind=rows,as=upside-down",
            "kind=html,endpoint=moon",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong:?}");
        }
    }
}

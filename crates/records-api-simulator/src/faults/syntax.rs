//! The syntax of faults: `key=value,key=value`.

use std::{ops::Range, str::FromStr};

use http::HeaderValue;

use super::{
    Fault, FaultKind, NestingPosition, StatusFault, ThrottleWindow,
    echo::EchoEncoding,
    rows::{RowChange, RowDefect, RowFault},
    unrequested::{UnrequestedReason, UnrequestedRows},
};
use crate::wire::{
    encoding::Encoding,
    error::{ErrorShape, RetryAfter},
    huge_body::HugeContent,
    request::Endpoint,
};

/// Every kind, for the error message.
pub(crate) const KINDS: [&str; 21] = [
    "echo",
    "error-body",
    "html",
    "list",
    "empty-object",
    "empty-body",
    "truncated",
    "huge",
    "bomb",
    "deep",
    "redirect",
    "encoding",
    "hang",
    "reset",
    "drip",
    "stale",
    "short",
    "rows",
    "duplicates",
    "omitted",
    "no-rows",
];
const DEFAULT_BYTES: u64 = 300 << 20;
/// Larger bodies would take seconds for their checksum.
const MAX_BYTES: u64 = 64 << 30;
const DEFAULT_LEVELS: usize = 10_000;
const MAX_LEVELS: usize = 10_000_000;
/// Nothing listens there.
const OTHER_HOST: &str = "http://127.0.0.1:1/elsewhere";
/// Not an endpoint: requests are logged under `other` and get a 404.
const OTHER_PATH: &str = "/elsewhere";

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
        let endpoints = Endpoint::NAMED.map(|endpoint| (endpoint.name(), endpoint));
        let endpoint = match keys.peek("endpoint") {
            None => None,
            Some(_) => Some(keys.one_of("endpoint", &endpoints, Endpoint::Records)?),
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
        let index = self.0.iter().position(|(other, _)| *other == key)?;
        Some(self.0.remove(index).1)
    }

    fn peek(&self, key: &str) -> Option<&'t str> {
        self.0.iter().find(|(other, _)| *other == key).map(|(_, value)| *value)
    }

    /// Reads a status in a range.
    fn status(&mut self, range: Range<u16>, default: Option<u16>) -> Result<u16, String> {
        let (low, high) = (range.start, range.end - 1);
        match (self.number("status")?, default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err("expected status=... or kind=...".to_owned()),
            (Some(status), _) => u16::try_from(status)
                .ok()
                .filter(|status| range.contains(status))
                .ok_or_else(|| format!("status={status}: expected {low} to {high}")),
        }
    }

    fn up_to(&mut self, key: &str, max: usize) -> Result<Option<usize>, String> {
        let number = self.number(key)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        match number {
            Some(number) if number > max => Err(format!("{key}={number}: expected at most {max}")),
            _ => Ok(number),
        }
    }

    fn number(&mut self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.take(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("{key}={text}: expected a whole number"))
    }

    fn one_of<T: Copy>(&mut self, key: &str, names: &[(&str, T)], default: T) -> Result<T, String> {
        let Some(text) = self.take(key) else { return Ok(default) };
        let found = names.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let accepted: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            format!("{key}={text}: expected one of {}", accepted.join(", "))
        })
    }
}

fn kind(keys: &mut Keys<'_>) -> Result<FaultKind, String> {
    let Some(kind) = keys.take("kind") else {
        let status = keys.status(400..600, None)?;
        return Ok(FaultKind::Status(status_fault(keys, status)?));
    };
    Ok(match kind {
        "echo" => FaultKind::Echo {
            status: keys.status(400..600, Some(401))?,
            encoding: keys.one_of("as", &EchoEncoding::NAMES, EchoEncoding::Plain)?,
        },
        "error-body" => FaultKind::Status(status_fault(keys, 200)?),
        "html" => FaultKind::Html,
        "list" => FaultKind::List,
        "empty-object" => FaultKind::EmptyObject,
        "empty-body" => FaultKind::EmptyBody,
        "truncated" => FaultKind::Truncated,
        "huge" => huge(keys, false)?,
        "bomb" => huge(keys, true)?,
        "deep" => FaultKind::Deep {
            status: keys.status(200..600, Some(200))?,
            levels: keys.up_to("levels", MAX_LEVELS)?.unwrap_or(DEFAULT_LEVELS),
            position: keys.one_of("at", &NestingPosition::NAMES, NestingPosition::Row)?,
        },
        "redirect" => redirect(keys)?,
        "encoding" => {
            FaultKind::Encoding(keys.one_of("as", &Encoding::NAMES, Encoding::Utf16Le)?)
        }
        "hang" => FaultKind::Hang,
        "reset" => FaultKind::Reset,
        "drip" => FaultKind::Drip,
        "stale" => FaultKind::Stale,
        "short" => FaultKind::Short,
        "rows" if keys.peek("as") == Some("outside") => {
            keys.take("as");
            FaultKind::Unrequested(UnrequestedRows {
                reason: keys.one_of("why", &UnrequestedReason::NAMES, UnrequestedReason::Early)?,
                count: keys.up_to("count", 1_000_000)?.unwrap_or(1),
            })
        }
        "rows" => {
            let defect = keys.one_of("as", &RowDefect::NAMES, RowDefect::Null)?;
            row_fault(keys, RowChange::Defect(defect))?
        }
        "duplicates" => row_fault(keys, RowChange::Duplicate)?,
        "omitted" => row_fault(keys, RowChange::Omit)?,
        "no-rows" => FaultKind::Rows(RowFault { change: RowChange::Omit, share: 1.0, seed: 0 }),
        other => {
            return Err(format!("kind={other}: expected one of {}", KINDS.join(", ")));
        }
    })
}

fn status_fault(keys: &mut Keys<'_>, status: u16) -> Result<StatusFault, String> {
    let retry_after = match (keys.number("retry-after")?, keys.take("retry-after-date")) {
        (None, None) => None,
        (Some(seconds), None) => Some(RetryAfter::Seconds(seconds)),
        (None, Some(text)) => {
            Some(RetryAfter::Date(i64::from(text.parse::<i32>().map_err(|_| {
                format!("retry-after-date={text}: expected a number of seconds from now")
            })?)))
        }
        (Some(_), Some(_)) => {
            return Err("expected only one of retry-after and retry-after-date".into());
        }
    };
    // For other statuses the key stays unread, and is refused as unknown.
    let window = if status == 429 { keys.take("window") } else { None };
    let window = match window {
        None => None,
        Some("none") => Some(ThrottleWindow::Omitted),
        Some(text) => {
            let parts = text.split_once('-').filter(|(n, unit)| {
                n.parse::<u32>().is_ok() && unit.chars().all(|c| c.is_ascii_lowercase())
            });
            let (number, unit) = parts.ok_or_else(|| {
                format!("window={text}: expected none, or a number and a unit such as 5-minute")
            })?;
            Some(ThrottleWindow::Named(format!("{number} {unit}")))
        }
    };
    let encoding = match keys.peek("encoding") {
        None => None,
        Some(_) => Some(keys.one_of("encoding", &Encoding::NAMES, Encoding::Bom)?),
    };
    Ok(StatusFault {
        status,
        shape: keys.one_of("shape", &ErrorShape::NAMES, ErrorShape::Plain)?,
        code: keys.take("code").map(str::to_owned),
        message: keys.take("message").map(str::to_owned),
        window,
        retry_after,
        encoding,
    })
}

fn huge(keys: &mut Keys<'_>, gzip: bool) -> Result<FaultKind, String> {
    let bytes = keys.number("bytes")?.unwrap_or(DEFAULT_BYTES);
    if bytes > MAX_BYTES {
        return Err(format!("bytes={bytes}: expected at most {MAX_BYTES}"));
    }
    Ok(FaultKind::Huge {
        status: keys.status(200..600, Some(200))?,
        bytes,
        content: keys.one_of("as", &HugeContent::NAMES, HugeContent::Rows)?,
        gzip,
    })
}

fn redirect(keys: &mut Keys<'_>) -> Result<FaultKind, String> {
    let to = keys.one_of("to", &[("other", OTHER_HOST), ("same", OTHER_PATH)], OTHER_HOST)?;
    let location = keys.take("location").unwrap_or(to);
    Ok(FaultKind::Redirect {
        status: keys.status(300..400, Some(302))?,
        location: HeaderValue::from_str(location)
            .map_err(|_| format!("location={location}: not a valid header value"))?,
    })
}

fn row_fault(keys: &mut Keys<'_>, change: RowChange) -> Result<FaultKind, String> {
    let share = keys.take("share").map_or(Ok(1.0), share)?;
    let seed = keys.number("seed")?.unwrap_or(0);
    Ok(FaultKind::Rows(RowFault { change, share, seed }))
}

/// Parses a number from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_faults_are_refused() {
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
            "kind=html,status=200",
            "status=503,window=5-minute",
            "status=429,window=soon",
            "status=429,retry-after=1,retry-after-date=1",
            "status=429,retry-after-date=tomorrow",
            "status=500,encoding=ebcdic",
            "kind=encoding,as=utf-7",
            "kind=bomb,bytes=99999999999999",
            "kind=deep,levels=many",
            "kind=deep,at=bottom",
            "kind=redirect,to=nowhere",
            "kind=redirect,status=200",
            "kind=redirect,location=a\nb",
            "kind=echo,as=morse",
            "kind=echo,status=200",
            "kind=rows,as=outside,share=0.5",
            "kind=rows,as=outside,why=not",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong:?}");
        }
    }
}

//! Parameters of a list, as texts from a command line or a query.

use records_api::record::{RecordType, Status, Timestamp};

/// Parses a point in time.
///
/// # Errors
///
/// A text that names what is accepted.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let has_zone = |text: &str| {
        text.ends_with(['Z', 'z']) || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']))
    };
    let moment = match text.len() {
        10 => Timestamp::parse(&format!("{text}T00:00:00Z")),
        20.. if has_zone(text) => Timestamp::parse(text),
        _ => None,
    };
    moment.ok_or_else(|| {
        "accepted is a time such as 2026-11-20T09:30:00Z or 2026-11-20T17:30:00+08:00, or a date \
         such as 2026-11-20, which is its midnight in UTC"
            .to_owned()
    })
}

/// Parses a status in any known spelling.
///
/// # Errors
///
/// A text that names what is accepted.
pub fn parse_status(text: &str) -> Result<Status, String> {
    Status::parse(text).ok_or_else(|| accepted(Status::ALL.map(Status::code)))
}

/// Parses a type in any known spelling.
///
/// # Errors
///
/// A text that names what is accepted.
pub fn parse_type(text: &str) -> Result<RecordType, String> {
    RecordType::parse(text).ok_or_else(|| accepted(RecordType::ALL.map(RecordType::code)))
}

fn accepted<const N: usize>(codes: [&str; N]) -> String {
    let (last, others) = codes.split_last().expect("there are codes");
    format!("accepted are {} and {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_a_zone_or_are_dates() {
        let millis = |text: &str| parse_moment(text).map(Timestamp::millis).ok();
        assert_eq!(millis("2026-11-20"), Some(1_795_132_800_000));
        assert_eq!(millis("2026-11-20T12:00:00Z"), Some(1_795_176_000_000));
        assert_eq!(millis("2026-11-20T20:00:00.250+08:00"), Some(1_795_176_000_250));
        for text in
            ["", "yesterday", "2026-11-20T12:00:00", "1795176000000", "2026-13-01", "2026-11-2é"]
        {
            assert!(parse_moment(text).unwrap_err().contains("midnight in UTC"), "{text}");
        }
    }

    #[test]
    fn codes_are_named_if_one_is_unknown() {
        assert_eq!(parse_status("uploaded"), Ok(Status::UploadCompleted));
        let error = "accepted are RECORDING, REC_COMPLETED, REC_FAILED, UPLOADING, UPLOAD_COMPLETED \
                     and UPLOAD_FAILED";
        assert_eq!(parse_status("x"), Err(error.to_owned()));
        let error = "accepted are FULL, INTERVAL, OPERATION and SESSION";
        assert_eq!(parse_type("x"), Err(error.to_owned()));
    }
}

//! `docs/troubleshooting.md` lists all failures with the texts of the code.

use std::fmt::Write;
use std::time::Duration;

use http::StatusCode;
use records_api::record::Timestamp;
use records_api::wire::ErrorBody;
use records_api::{ApiError, Cause, CertificateProblem, Endpoint, ProxyProblem};
use screen_records_exporter::ledger::CommitError;
use screen_records_exporter::listing::ReadFailure;
use screen_records_exporter::project::Reason;
use screen_records_exporter::sync::SyncError;

use crate::catalog::{part, read};

const RECORDS: Endpoint = Endpoint::ScreenRecords;

fn refused(status: u16, code: &str, message: &str) -> Reason {
    refused_for(None, RECORDS, status, code, message)
}

fn refused_for(
    cause: impl Into<Option<Cause>>,
    endpoint: Endpoint,
    status: u16,
    code: &str,
    message: &str,
) -> Reason {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ApiError::Refused {
        endpoint,
        status: StatusCode::from_u16(status).unwrap(),
        error_body: ErrorBody { code: text(code), message: text(message) },
        cause: cause.into(),
        retry_after: None,
    }
    .into()
}

fn held_back(cause: Cause, status: u16, code: &str) -> Reason {
    ApiError::HeldBack {
        endpoint: RECORDS,
        status: StatusCode::from_u16(status).unwrap(),
        code: Some(code.to_owned()),
        cause: Some(cause),
        ago: Duration::from_secs(13),
        left: Duration::from_secs(287),
    }
    .into()
}

fn certificate(problem: CertificateProblem, text: &str) -> Reason {
    let what = format!("invalid peer certificate: {text}");
    ApiError::Certificate { endpoint: RECORDS, of_proxy: false, problem, what }.into()
}

fn proxy(problem: ProxyProblem, what: &str) -> Reason {
    ApiError::Proxy { endpoint: RECORDS, problem, what: what.to_owned() }.into()
}

/// One example of each failure with its own text or remedy.
fn examples() -> Vec<Reason> {
    let time = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
    let what = |what: &str| what.to_owned();
    let connection = "error sending request: client error (Connect): tcp connect error: \
                      Connection refused (os error 111)";
    vec![
        refused(400, "WKS.0001", "Invalid parameter status"),
        refused_for(Cause::WrongToken, RECORDS, 401, "APIGW.0301", ""),
        refused_for(Cause::ExpiredToken, RECORDS, 401, "APIGW.0307", ""),
        refused_for(Cause::WrongKey, RECORDS, 401, "APIGW.0301", ""),
        refused_for(Cause::ExpiredKey, RECORDS, 401, "APIGW.0301", ""),
        refused_for(Cause::LockedKey, RECORDS, 401, "APIGW.0301", ""),
        refused_for(Cause::Clock(1_200_000), RECORDS, 401, "APIGW.0301", ""),
        held_back(Cause::WrongKey, 401, "APIGW.0301"),
        refused_for(
            Cause::NoPermission,
            RECORDS,
            403,
            "APIGW.0302",
            "The IAM user is not authorized to access the API",
        ),
        held_back(Cause::NoPermission, 403, "APIGW.0302"),
        refused_for(
            Cause::WrongProject,
            RECORDS,
            404,
            "WKS.00170312",
            "The tenant does not exist.",
        ),
        refused_for(Cause::WrongPassword, Endpoint::IamTokens, 401, "IAM.0062", ""),
        refused_for(Cause::LockedUser, Endpoint::IamTokens, 401, "IAM.0061", ""),
        refused_for(Cause::NoAgency, Endpoint::SecurityKey, 401, "", ""),
        refused_for(None, Endpoint::IamTokens, 403, "", ""),
        refused_for(None, Endpoint::SecurityKey, 404, "", ""),
        refused(404, "APIGW.0101", "The API does not exist"),
        refused(405, "", ""),
        refused(407, "", ""),
        refused(429, "APIGW.0308", "policy user over ratelimit,limit:200,time:5 minute"),
        refused(302, "", ""),
        refused(503, "APIGW.0613", "IAM is unavailable."),
        refused(200, "WKS.0407", "Busy."),
        refused(418, "", ""),
        ApiError::Invalid {
            endpoint: RECORDS,
            what: what(
                "the body is not a JSON page: expected value at line 1 column 1, in \"<html>\"",
            ),
        }
        .into(),
        ApiError::Invalid {
            endpoint: Endpoint::IamTokens,
            what: what("it has no header X-Subject-Token"),
        }
        .into(),
        ApiError::Unreachable { endpoint: Endpoint::SecurityKey, what: what(connection) }.into(),
        ApiError::TooLarge { endpoint: RECORDS, limit: 32 << 20 }.into(),
        ApiError::Timeout { endpoint: RECORDS, after: Duration::from_secs(10) }.into(),
        ApiError::Timeout { endpoint: Endpoint::MetadataToken, after: Duration::from_secs(3) }
            .into(),
        ApiError::Unreachable { endpoint: RECORDS, what: what(connection) }.into(),
        certificate(CertificateProblem::UnknownIssuer, "UnknownIssuer"),
        certificate(CertificateProblem::NotInCaFile, "UnknownIssuer"),
        certificate(CertificateProblem::NoRoots, "UnknownIssuer"),
        certificate(CertificateProblem::Authority, "Other(OtherError(CaUsedAsEndEntity))"),
        certificate(CertificateProblem::Expired, "certificate expired"),
        certificate(CertificateProblem::NotYetValid, "certificate not valid yet"),
        certificate(CertificateProblem::OtherName, "certificate not valid for name"),
        certificate(CertificateProblem::Other, "BadEncoding"),
        proxy(ProxyProblem::Unauthorized, "it answered 407 Proxy Authentication Required"),
        proxy(ProxyProblem::Refused, "it did not answer 200 to CONNECT"),
        proxy(ProxyProblem::Unreachable, connection),
        proxy(ProxyProblem::Broken, "tls handshake eof"),
        ApiError::BrokenOff {
            endpoint: RECORDS,
            what: what("the answer broke off after 1448 of 71234 bytes: end of file"),
        }
        .into(),
        ApiError::Credentials { endpoint: RECORDS, what: what("the file \"/run/token\" contains no token: it is empty. Accepted is one line of visible \
                   characters without spaces") }
            .into(),
        ReadFailure::Clock { ahead_millis: 400_000 }.into(),
        ReadFailure::Clock { ahead_millis: -400_000 }.into(),
        ReadFailure::Cached { age: Duration::from_secs(600) }.into(),
        SyncError::Unsorted { later: time.plus_millis(60_000), earlier: time }.into(),
        SyncError::Stuck { offset: 980 }.into(),
        SyncError::BoundIgnored { bound: time, ended: time.plus_millis(-86_400_000) }.into(),
        SyncError::Vanished { total: 4711 }.into(),
        SyncError::Apart { ended: time, first: time.plus_millis(3_600_000) }.into(),
        SyncError::Moving { near: time }.into(),
        SyncError::Unordered { start: time, expected: 5000, missing: 3 }.into(),
        SyncError::TooMany { limit: 12_000_000 }.into(),
        SyncError::Endless { rows: 2_400_010, pages: 240_001 }.into(),
        SyncError::Rejected { rejected: 40, rows: 1000, reasons: what("no_start_time: 40") }.into(),
        Reason::State(CommitError::example("data/p.redb", "No space left on device")),
        Reason::State(CommitError::example("data/p.redb", "File too large (os error 27)")),
        Reason::Users(what("the file /run/key is empty")),
        Reason::Panicked,
    ]
}

/// The kind of a failure. Has no wildcard, so that a new kind does not compile until it has an
/// example.
fn kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Users(_) => "users",
        Reason::Panicked => "panicked",
        Reason::Read(ReadFailure::Clock { .. }) => "clock",
        Reason::Read(ReadFailure::Cached { .. }) => "cached",
        Reason::Read(ReadFailure::Api(error)) => match error {
            ApiError::Refused { cause: Some(cause), .. } => match cause {
                Cause::WrongToken => "wrong token",
                Cause::ExpiredToken => "expired token",
                Cause::WrongKey => "wrong key",
                Cause::ExpiredKey => "expired key",
                Cause::LockedKey => "locked key",
                Cause::WrongPassword => "wrong password",
                Cause::LockedUser => "locked user",
                Cause::Clock(_) => "clock of signatures",
                Cause::WrongProject => "wrong project",
                Cause::NoPermission => "no permission",
                Cause::NoAgency => "no agency",
            },
            ApiError::Refused { cause: None, .. } => "refused",
            ApiError::HeldBack { .. } => "held back",
            ApiError::Invalid { .. } => "invalid",
            ApiError::TooLarge { .. } => "too large",
            ApiError::Timeout { .. } => "timeout",
            ApiError::Unreachable { .. } => "unreachable",
            ApiError::BrokenOff { .. } => "broken off",
            ApiError::Proxy { problem, .. } => match problem {
                ProxyProblem::Unauthorized => "proxy: unauthorized",
                ProxyProblem::Refused => "proxy: refused",
                ProxyProblem::Unreachable => "proxy: unreachable",
                ProxyProblem::Broken => "proxy: broken",
            },
            ApiError::Certificate { problem, .. } => match problem {
                CertificateProblem::UnknownIssuer => "certificate: unknown issuer",
                CertificateProblem::NotInCaFile => "certificate: not in the file",
                CertificateProblem::NoRoots => "certificate: no roots",
                CertificateProblem::Authority => "certificate: authority",
                CertificateProblem::Expired => "certificate: expired",
                CertificateProblem::NotYetValid => "certificate: not yet valid",
                CertificateProblem::OtherName => "certificate: other name",
                CertificateProblem::Other => "certificate: other",
            },
            ApiError::Credentials { .. } => "credentials",
        },
        Reason::State(_) => "state",
        Reason::Read(ReadFailure::Sync(error)) => match error {
            SyncError::Unsorted { .. } => "unsorted",
            SyncError::Stuck { .. } => "stuck",
            SyncError::BoundIgnored { .. } => "bound ignored",
            SyncError::Vanished { .. } => "vanished",
            SyncError::Apart { .. } => "apart",
            SyncError::Moving { .. } => "moving",
            SyncError::Unordered { .. } => "unordered",
            SyncError::TooMany { .. } => "too many",
            SyncError::Endless { .. } => "endless",
            SyncError::Rejected { .. } => "rejected",
        },
    }
}

#[test]
fn the_document_lists_all_failures_with_their_remedies() {
    let kinds: std::collections::BTreeSet<_> = examples().iter().map(kind).collect();
    assert_eq!(kinds.len(), 46, "one example of each kind: {kinds:?}");
    let mut table = String::from("| `error` | `remedy` |\n| --- | --- |\n");
    for reason in examples() {
        let cell = |text: String| text.replace('|', "\\|");
        let (what, remedy) = (cell(reason.to_string()), cell(reason.remedy()));
        writeln!(table, "| {what} | {remedy} |").unwrap();
    }
    let document = read("docs/troubleshooting.md");
    assert_eq!(part(&document, "failures"), table, "the document should have:\n{table}");
}

#[test]
fn remedies_name_only_existing_keys() {
    use screen_records_exporter::config::KEYS;
    for reason in examples() {
        let remedy = reason.remedy();
        for name in remedy.split('`').skip(1).step_by(2).filter(|name| name.contains('.')) {
            let is_key = |key: &str| key == name || key.starts_with(&format!("{name}."));
            assert!(KEYS.iter().any(|key| is_key(key.path)), "{name} in: {remedy}");
        }
    }
}

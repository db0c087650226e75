//! Bodies as the API and others send them, and what they are parsed to.

use proptest::prelude::*;

use super::*;
use crate::record::Field;
use crate::record::RejectionReason::{NoId, NoStartTime, NotAnObject};
use crate::record::{RecordType, Status, Term, Timestamp};

fn page(json: &str) -> Page<'_> {
    Page::decode(json.as_bytes(), 0).unwrap()
}

/// Parses a body as the client does.
fn parsed(json: &str) -> OwnedPage {
    OwnedPage::parse(&Bytes::copy_from_slice(json.as_bytes()), 0)
        .unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Numbers that fit no type, or none that a record has room for.
fn oversized() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?[eE]\\+?[4-9][0-9]{2,9}",
        "-?[1-9][0-9]{310,900}",
        "-?[1-9][0-9]{400}\\.[0-9]{1,9}",
        Just("18446744073709551615".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just("1e30".to_owned()),
    ]
}

proptest! {
    #[test]
    fn an_oversized_number_makes_only_its_own_field_absent(
        number in oversized(),
        (field, name) in proptest::sample::select(&Field::ALL[..]),
        form in proptest::sample::select(&["N", "\"N\"", "[N]", "{\"a\":[1,N]}"][..]),
    ) {
        let value = form.replace('N', &number);
        let required = r#""id":"a","start_time":"2024-03-12 12:02:01","size":5,"duration":6"#;
        let json = format!(
            r#"{{"new":{{"x":[{number}]}},"total_count":2,"screen_records":[
                {{{required},"other":{number},"{name}":{value}}},{{{required}}}],"last":{number}}}"#
        );
        let owned = parsed(&json);
        let page = owned.page();
        prop_assert_eq!(page.total_count, Some(2));
        let complete = page.rows[1].as_ref().unwrap();
        prop_assert_eq!((complete.size, complete.duration), (Some(5), Some(6)));
        prop_assert!(complete.odd.is_empty());
        let is_text = form == "\"N\"" || form == "N" && number == "18446744073709551615";
        let names: Vec<_> = page.rows[0].iter().flat_map(|record| record.odd.names()).collect();
        match field {
            Field::Id if !is_text => {
                prop_assert_eq!(page.rows[0].as_ref().unwrap_err().reason, NoId);
            }
            Field::StartTime => {
                prop_assert_eq!(page.rows[0].as_ref().unwrap_err().reason, NoStartTime);
            }
            Field::Size | Field::Duration | Field::EndTime | Field::UpdateTime => {
                prop_assert_eq!(names, [name]);
            }
            _ if is_text => prop_assert!(names.is_empty()),
            _ => prop_assert_eq!(names, [name]),
        }
    }
}

#[test]
fn sizes_and_durations_are_known_or_odd() {
    let cases = [
        ("size", "18446744073709551614", true),
        ("size", "18446744073709551615", false),
        ("size", "\"18446744073709551615\"", false),
        ("size", "\"9e99\"", false),
        ("size", "-0", true),
        ("size", "3e-700", true),
        ("size", "0e777", true),
        ("duration", "134217726", true),
        ("duration", "134217727", false),
        ("duration", "\"4294967294\"", false),
        ("duration", "4294967295", false),
        ("duration", "3000000000", false),
    ];
    for (name, value, is_known) in cases {
        let json = format!(
            r#"{{"screen_records":[{{"id":"a","start_time":1710244921000,"{name}":{value}}}]}}"#
        );
        let owned = parsed(&json);
        let record = owned.page().rows[0].as_ref().unwrap();
        assert_eq!(record.size.is_some() || record.duration.is_some(), is_known, "{name} {value}");
        assert_eq!(record.odd.is_empty(), is_known, "{name} {value}");
    }
}

#[test]
fn rows_that_are_oversized_numbers_are_rejected_alone() {
    let owned = parsed(
        r#"{"screen_records":[5e555,-6E+666,{"id":"a","start_time":1710244921000},[7e777]]}"#,
    );
    let reasons: Vec<_> =
        owned.page().rows.iter().map(|row| row.as_ref().err().map(|r| r.reason)).collect();
    let odd = Some(NotAnObject);
    assert_eq!(reasons, [odd, odd, None, odd]);
}

#[test]
fn the_documented_example_is_parsed() {
    let body = include_bytes!("../../../../../tests/fixtures/documented-example.json");
    let page = Page::decode(body, 0).unwrap();
    assert_eq!(page.total_count, Some(2));
    let first = page.rows[0].as_ref().unwrap();
    assert_eq!(first.id, "8ac225c2781f230a01781f29b2e7xxxx");
    assert_eq!(first.status, Term::Known(Status::UploadCompleted));
    assert_eq!(first.record_type, Term::Known(RecordType::Full));
    assert_eq!(first.size, Some(546));
    assert_eq!(first.duration, Some(3000));
    assert_eq!(first.start_time, Timestamp::parse("2024-03-12T12:02:01Z").unwrap());
    assert!(first.odd.is_empty());
    let second = page.rows[1].as_ref().unwrap();
    assert_eq!(second.record_type, Term::Known(RecordType::Interval));
}

#[test]
fn all_fields_are_parsed() {
    let json = r#"{"total_count":1,"screen_records":[{"id":"i","desktop_id":"di",
        "desktop_name":"dn","desktop_pool_id":"dp","username":"u","size":3000000000,
        "type":"OPERATION","status":"UPLOADING","policy_id":"p","obs_bucket":"b",
        "file_directory":"fd","video_filename":"v","video_file_sha256":"vs",
        "event_filename":"e","event_file_sha256":"es","start_time":"2024-10-15T10:04:41.263Z",
        "end_time":"2024-10-15T11:04:41.263Z","update_time":"2024-10-15T11:04:42Z",
        "duration":3600,"upload_type":"ut","site_type":"CENTER","new_field":{"x":[1]}}]}"#;
    let page = page(json);
    let record = page.rows[0].as_ref().unwrap();
    let texts = [
        &record.desktop_id,
        &record.desktop_name,
        &record.desktop_pool_id,
        &record.username,
        &record.policy_id,
        &record.obs_bucket,
        &record.file_directory,
        &record.video_filename,
        &record.video_file_sha256,
        &record.event_filename,
        &record.event_file_sha256,
        &record.upload_type,
        &record.site_type,
    ];
    let texts: Vec<_> = texts.into_iter().map(|text| text.as_deref().unwrap()).collect();
    let expected = ["di", "dn", "dp", "u", "p", "b", "fd", "v", "vs", "e", "es", "ut", "CENTER"];
    assert_eq!(texts, expected);
    assert_eq!(record.size, Some(3_000_000_000));
    assert_eq!(record.duration, Some(3600));
    assert_eq!(record.end_time.unwrap().millis() - record.start_time.millis(), 3_600_000);
    assert_eq!(record.update_time.unwrap().to_rfc3339(), "2024-10-15T11:04:42.000Z");
}

#[test]
fn odd_and_null_fields_are_absent_and_odd_ones_are_named() {
    let json = r#"{"total_count":"1","screen_records":[{"id":7,"start_time":1710244921000,
        "size":"12 MB","duration":-5,"status":null,"type":"SURPRISE","username":["u"],
        "end_time":"yesterday","update_time":null,"desktop_pool_id":""}]}"#;
    let page = page(json);
    assert_eq!(page.total_count, Some(1));
    let record = page.rows[0].as_ref().unwrap();
    assert_eq!(record.id, "7");
    assert_eq!(record.size, None);
    assert_eq!(record.duration, None);
    assert_eq!(record.status, Term::Absent);
    assert_eq!(record.record_type, Term::Unknown("SURPRISE".into()));
    assert_eq!(record.desktop_pool_id, None);
    let odd: Vec<_> = record.odd.names().collect();
    assert_eq!(odd, ["username", "size", "end_time", "duration"]);
}

#[test]
fn rows_without_id_or_start_are_rejected_and_the_others_are_kept() {
    let json = r#"{"screen_records":[null,[],"x",1,true,{},{"id":""},{"id":"a"},
        {"id":"b","start_time":"soon"},{"id":"c","start_time":"2024-03-12 12:02:01"}]}"#;
    let reasons: Vec<_> =
        page(json).rows.iter().map(|row| row.as_ref().err().map(|r| r.reason)).collect();
    let mut expected = vec![Some(NotAnObject); 5];
    expected.extend([Some(NoId), Some(NoId), Some(NoStartTime), Some(NoStartTime), None]);
    assert_eq!(reasons, expected);
}

#[test]
fn other_bodies_are_errors() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        (
            "",
            "the body is not a JSON page: EOF while parsing a value at line 1 column 0, in an empty body",
        ),
        ("{}", "the body has no list `screen_records`"),
        (
            "[]",
            "the body is not a JSON page: invalid type: sequence, expected an object with `screen_records` and `total_count` at line 1 column 0, in \"[]\"",
        ),
        (r#"{"total_count":5}"#, "the body has no list `screen_records`"),
        (r#"{"screen_records":null}"#, "the body has no list `screen_records`"),
        (
            r#"{"screen_records":null,"error_code":"WKS.0001","error_msg":"no"}"#,
            "the body reports an error: WKS.0001: no",
        ),
        (
            r#"{"error_code":"WKS.00010109","error_msg":"busy"}"#,
            "the body reports an error: WKS.00010109: busy",
        ),
        (r#"{"error":{"code":401,"message":"denied"}}"#, "the body reports an error: 401: denied"),
        (
            r#"{"screen_records":[{"id":"a"}"#,
            "the body is not a JSON page: EOF while parsing a list at line 1 column 29, in \"{\\\"screen_records\\\":[{\\\"id\\\":\\\"a\\\"}\"",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(Page::decode(body.as_bytes(), 0).unwrap_err().to_string(), message, "{body}");
    }
    for body in ["<html>bad gateway</html>", r#"{"screen_records":{"id":"a"}}"#, &deep] {
        assert!(matches!(Page::decode(body.as_bytes(), 0), Err(PageError::NotJson(_))), "{body}");
    }
    assert!(matches!(Page::decode(b"\xff\xfe{\0}\0", 0), Err(PageError::NotJson(_))));
}

#[test]
fn errors_quote_little_of_the_body() {
    let long = "x".repeat(1 << 20);
    for body in [format!("\"{long}\""), format!("{{\"screen_records\":\"{long}\"}}")] {
        let text = Page::decode(body.as_bytes(), 0).unwrap_err().to_string();
        assert!(text.contains("invalid type: string \"xxx"), "{text}");
        assert!(text.len() < 400, "{} bytes", text.len());
    }
}

#[test]
fn an_empty_list_may_be_omitted_if_the_count_says_that_no_rows_are_left() {
    let body = br#"{"total_count":5}"#;
    assert!(Page::decode(body, 5).unwrap().rows.is_empty());
    assert!(Page::decode(body, 4).is_err());
    assert!(Page::decode(br#"{"total_count":0,"screen_records":null}"#, 0).is_ok());
    assert!(Page::decode(b"\xef\xbb\xbf{\"total_count\":0}", 0).is_ok());
}

#[test]
fn a_total_count_that_is_not_a_count_is_ignored() {
    let digits = "8".repeat(700);
    let not_counts = [
        "-1",
        "null",
        "\"many\"",
        "1.5e30",
        "[2]",
        "4e512",
        "-7E+333",
        "[6e999]",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "\"1e999\"",
        &digits,
    ];
    for total in not_counts {
        let body = format!(r#"{{"total_count":{total},"screen_records":[]}}"#);
        assert_eq!(parsed(&body).page().total_count, None, "{total}");
    }
}

#[test]
fn an_empty_error_code_is_not_an_error() {
    for code in ["\"\"", "null", "0", "\"0\""] {
        let body = format!("{{\"error_code\":{code},\"screen_records\":[],\"total_count\":0}}");
        assert!(page(&body).rows.is_empty());
    }
}

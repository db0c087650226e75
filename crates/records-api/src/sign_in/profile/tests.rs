//! Valid profiles, and the errors of invalid ones.

use proptest::prelude::*;

use super::*;

/// The four values in plain text; `-` for none.
fn values(text: &str) -> Result<[String; 4], String> {
    let profile = Profile::parse(text)?;
    let shown = |secret: Option<Secret>| secret.map_or("-".to_owned(), |s| s.expose().to_owned());
    let Profile { access_key, secret_key, security_token, project_id } = profile;
    let project_id = project_id.unwrap_or("-".to_owned());
    Ok([shown(access_key), shown(secret_key), shown(security_token), project_id])
}

#[test]
fn a_profile_is_parsed_like_configparser_does() {
    let cases = [
        ("[basic]\nak = A\nsk = S\n", ["A", "S", "-", "-"]),
        ("[basic]\nak=A\nsk:S\nsecurity_token=T=\nproject_id = 0123", ["A", "S", "T=", "0123"]),
        ("\u{feff}[basic]\r\nAK = A\r\nSk = S\r\n", ["A", "S", "-", "-"]),
        ("[basic]\rak = A\rsk = S", ["A", "S", "-", "-"]),
        ("# ak = X\n[basic] ; mine\n\n ; sk = X\nak\t=\tA \nsk = S", ["A", "S", "-", "-"]),
        ("[basic]\n  ak = A\n  sk = S\nproject_id = p", ["A", "S", "-", "p"]),
        ("[basic]\nak = A#b\nsk = S;c", ["A#b", "S;c", "-", "-"]),
        ("[basic]\nak = A%%b\nsk =\n", ["A%b", "-", "-", "-"]),
        ("[global]\nak = X\nsk = X\n[basic]\nak = A", ["A", "-", "-", "-"]),
        ("[DEFAULT]\nak = D\nsk = D\n[basic]\nak = A", ["A", "D", "-", "-"]),
        ("[basic]\nak = A\n[other]\nx = several\n  lines\n  ak = X\n", ["A", "-", "-", "-"]),
        ("[basic]", ["-", "-", "-", "-"]),
    ];
    for (text, expected) in cases {
        assert_eq!(values(text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn errors_do_not_show_the_values_of_a_profile() {
    let cases = [
        ("", "holds no section [basic]"),
        ("[Basic]\nak = hush", "holds no section [basic]"),
        ("ak = hush\n[basic]", "is not a profile: line 1 comes before the first [section]"),
        ("[basic]\nhush", "is not a profile: line 2 is neither a [section] nor key = value"),
        ("[basic]\n= hush", "is not a profile: line 2 is neither a [section] nor key = value"),
        ("[basic]\nak = hush\n\nAK = hush", "has the same key in line 2 and in line 4; remove one"),
        ("[basic]\n[x]\n[basic]", "begins the same section for the second time in line 3"),
        (
            "[basic]\nak = hush\n  sk = hush",
            "has several lines (an indented line continues the one above) at ak in line 2",
        ),
        (
            "[basic]\nsk = hush hush",
            "has spaces or characters that are not visible ASCII at sk in line 2",
        ),
        ("[basic]\nak = \"hush\"", "has quotes, which would be part of the value, at ak in line 2"),
        ("[basic]\nak = hush%", "has a % that must be written as %% at ak in line 2"),
    ];
    for (text, expected) in cases {
        assert_eq!(values(text).unwrap_err(), expected, "{text:?}");
    }
}

#[test]
fn errors_show_the_path_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let shown = path.display().to_string();
    let error = Profile::read(&path).unwrap_err();
    assert_eq!(
        error,
        format!("the file {shown} cannot be read: No such file or directory (os error 2)")
    );
    std::fs::write(&path, "#".repeat(256 * 1024 + 1)).unwrap();
    let error = Profile::read(&path).unwrap_err();
    assert_eq!(error, format!("the file {shown} cannot be read: it is larger than 262144 bytes"));
    std::fs::write(&path, "[other]").unwrap();
    let error = Profile::read(&path).unwrap_err();
    assert_eq!(error, format!("the file {shown} holds no section [basic]"));
    std::fs::write(&path, "[basic]\nak = A\n").unwrap();
    assert!(Profile::read(&path).unwrap().access_key.is_some());
}

/// Texts that resemble profiles; `Zq9` must not be shown.
fn near_profiles() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(&[
        "[basic]",
        "[",
        "]",
        "ak",
        "sk",
        "security_token",
        "project_id",
        "=",
        ":",
        " ",
        "\t",
        "\n",
        "\r",
        "\n  ",
        "#",
        ";",
        "%",
        "%%",
        "\"",
        "Zq9",
        "\u{feff}",
        "\u{a0}",
        "\u{2028}",
        "DEFAULT",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Profile::parse(&text);
    }

    #[test]
    fn neither_errors_nor_debug_show_secrets(text in near_profiles()) {
        let shown = match Profile::parse(&text) {
            Ok(profile) => format!("{:?}", Profile { project_id: None, ..profile }),
            Err(error) => error,
        };
        prop_assert!(!shown.to_lowercase().contains("zq9"), "{shown}");
    }

    #[test]
    fn values_are_one_line_of_visible_characters(text in near_profiles()) {
        let Ok(values) = values(&text) else { return Ok(()) };
        for value in values {
            prop_assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

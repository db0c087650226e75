//! Invalid web configs: each is refused with its message, by every command that would use it.

use std::path::{Path, PathBuf};

use crate::support::{binary, folder, write};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/web-config")
}

/// The names of the fixtures with an extension, without it.
fn names(extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(fixtures()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bad = names.filter(|name| name.starts_with("invalid-"));
    let mut names: Vec<_> =
        bad.filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect();
    names.sort();
    names
}

/// Run with `BLESS=1` to update the messages, then review the diff.
#[test]
fn each_invalid_web_config_is_refused_with_its_message() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names(".yml") {
        let mut command = binary();
        command.current_dir(fixtures()).args([
            "check",
            "--web.config.file",
            &format!("{name}.yml"),
        ]);
        let output = command.output().unwrap();
        let stderr = std::str::from_utf8(&output.stderr).unwrap();
        if bless {
            std::fs::write(fixtures().join(format!("{name}.stderr")), stderr).unwrap();
        }
        let expected = std::fs::read_to_string(fixtures().join(format!("{name}.stderr"))).unwrap();
        let is_named = stderr.lines().all(|line| line.starts_with(&format!("error: {name}.yml: ")));
        let is_secret = ["hush", "BEGIN RSA", "$2y"].iter().any(|text| {
            // The remedy names the beginnings of hashes.
            stderr.replace("$2a$, $2b$ or $2y$", "").to_lowercase().contains(&text.to_lowercase())
        });
        let is_refused = output.status.code() == Some(2) && output.stdout.is_empty();
        if stderr != expected || !is_named || is_secret || !is_refused || stderr.is_empty() {
            wrong.push(format!("{name}: {output:?}\nexpected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names(".yml"), names(".stderr"));
    assert!(names(".yml").len() > 30);
}

#[test]
fn an_invalid_web_config_stops_every_command_before_it_listens() {
    let config = fixtures().join("config.toml");
    let bad = fixtures().join("invalid-unknown-key.yml");
    for command in [&["serve"][..], &[], &["demo"], &["check"]] {
        let mut exporter = binary();
        exporter.args(command).args(["--web.listen-address", "127.0.0.1:0"]);
        if command != ["demo"] {
            exporter.arg("--config.file").arg(&config);
        }
        let output = exporter.arg("--web.config.file").arg(&bad).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
        assert_eq!(output.stdout, b"", "{command:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("line 2: tls_server_config.cert_fil: unknown key"));
    }
}

#[test]
fn the_flag_overrides_the_key_of_the_config() {
    let folder = folder();
    let config = std::fs::read_to_string(fixtures().join("config.toml")).unwrap();
    let named = format!("[web]\nconfig_file = \"of-the-key.yml\"\n{config}");
    write(folder.path(), "config.toml", &named);
    write(folder.path(), "of-the-flag.yml", "# No settings.\n");
    let run = |arguments: &[&str]| {
        binary().current_dir(folder.path()).arg("check").args(arguments).output().unwrap()
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: of-the-key.yml: cannot be read: No such file"), "{text}");
    let output = run(&["--web.config.file", "of-the-flag.yml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nconfig_file = \"of-the-flag.yml\"\n"), "{text}");
}

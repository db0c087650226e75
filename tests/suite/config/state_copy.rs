//! The places of `state copy`: wrong ones are refused, and no message shows a URL.

use std::path::Path;
use std::process::{Command, Output};

use super::{File, PROJECT};

/// Runs `state copy` in a folder with variables.
fn copy(folder: &Path, places: [&str; 2], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
    command.args(["state", "copy", "--from", places[0], "--to", places[1]]);
    command.current_dir(folder).env_clear().env("HUAWEICLOUD_TOKEN", "hush");
    command.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn each_wrong_place_is_refused_without_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("incomplete", "postgresql://me:hush@db.example.org");
    write("lines", "postgresql://me:hush@db.example.org/d\nhush\n");
    for (place, url) in [
        ("", ""),
        ("postgresql://me:hush@db.example.org/records", ""),
        ("env:postgresql://me:hush@db.example.org/records", ""),
        ("file:postgresql://me:hush@db.example.org/records", ""),
        ("state.url", ""),
        ("env:", ""),
        ("env:URL", ""),
        ("env:URL", "hush hush"),
        ("env:URL", "mysql://me:hush@db.example.org/records"),
        ("env:URL", "postgresql://me:hush@db.example.org/records?sslmode=disable"),
        // The password is not written as it must be, and may pass for a part of the host.
        ("env:URL", "postgresql://me:pass@hush@db.example.org/records?sslmode=disable"),
        ("file:", ""),
        ("file:missing", ""),
        ("file:incomplete", ""),
        ("file:lines", ""),
    ] {
        let variables: &[_] = if url.is_empty() { &[] } else { &[("URL", url)] };
        for (flag, places) in [("--from", [place, "data"]), ("--to", ["data", place])] {
            let output = copy(folder.path(), places, variables);
            let stderr = String::from_utf8(output.stderr.clone()).unwrap();
            assert_eq!(output.status.code(), Some(2), "{place} {url}: {output:?}");
            assert!(output.stdout.is_empty(), "{output:?}");
            assert!(stderr.starts_with(&format!("error: {flag}: ")), "{place} {url}: {stderr}");
            assert!(!stderr.contains("hush") && stderr.lines().count() == 1, "{stderr}");
        }
    }
}

/// A machine that only copies has no projects.
#[test]
fn the_config_is_checked_but_needs_no_projects() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("SCREEN_RECORDS_EXPORTER__STATE__URL", "mysql://hush")];
    let output = copy(folder.path(), ["data", "state.url"], &variables);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let expected = "error: SCREEN_RECORDS_EXPORTER__STATE__URL: state.url: the URL (not shown) is not accepted: ";
    assert!(stderr.starts_with(expected) && stderr.lines().count() == 1, "{stderr}");

    let file = File::new(format!("log.level = 'loud'\n{PROJECT}"));
    let output = copy(file.directory.path(), ["data", "other"], &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("config.toml: log.level: \"loud\" is not accepted"), "{stderr}");
}

#[test]
fn a_damaged_source_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("p.redb"), [7; 5000]).unwrap();
    let output = copy(folder.path(), ["a", "b"], &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("a/p.redb"), "{stderr}");
    let left: Vec<_> = std::fs::read_dir(&source).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(source.join("p.redb")).unwrap(), [7; 5000]);
    assert!(!folder.path().join("b").exists());
}

//! A build without the feature `postgresql`: `cargo test --no-default-features --test without_postgresql`.
#![cfg(not(feature = "postgresql"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

#[test]
fn a_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (key, url) in
        [("URL", "postgresql://me:hush@localhost/records"), ("URL_ENV", "DATABASE_URL")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
        command.env_clear().current_dir(folder.path()).arg("check");
        command.env(format!("SCREEN_RECORDS_EXPORTER__STATE__{key}"), url);
        command.env("DATABASE_URL", "postgresql://me:hush@localhost/records");
        for (key, text) in [
            ("NAME", "a"),
            ("PROJECT_ID", "0"),
            ("REGION", "r"),
            ("AUTH__METHOD", "token"),
            ("AUTH__TOKEN", "t"),
        ] {
            command.env(format!("SCREEN_RECORDS_EXPORTER__PROJECTS__0__{key}"), text);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let key = key.to_lowercase();
        let expected = format!(
            ": state.{key}: this build does not support databases; build it with --features postgresql\n"
        );
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.ends_with(&expected) && !error.contains("hush"), "{error}");
    }
}

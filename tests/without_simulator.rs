//! A build without the feature `simulator`: `cargo test --no-default-features --test without_simulator`.
#![cfg(not(feature = "simulator"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
    command.env_clear().args(arguments).output().unwrap()
}

#[test]
fn demo_and_simulate_are_refused_by_name() {
    for arguments in [&["demo"][..], &["simulate"], &["simulate", "--listen", "127.0.0.1:0"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with("error: ") && error.contains(arguments[0]), "{error}");
        assert!(error.contains("--features simulator"), "{error}");
    }
}

#[test]
fn help_lists_neither_demo_nor_simulate() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("serve") && help.contains("once"), "{help}");
    let named = |command: &str| help.lines().any(|line| line.trim_start().starts_with(command));
    assert!(!named("demo") && !named("simulate"), "{help}");
}

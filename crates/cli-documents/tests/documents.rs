//! The documents that the packages contain, as the program writes them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use screen_records_exporter::cli::Cli;

fn write(document: &str, folder: &Path) {
    let program = env!("CARGO_BIN_EXE_cli-documents");
    let status = Command::new(program).arg(document).arg(folder).status().unwrap();
    assert!(status.success());
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Returns the commands that `--help` does not list.
fn hidden_commands() -> Vec<clap::Command> {
    let program = Cli::command();
    program.get_subcommands().filter(|command| command.is_hide_set()).cloned().collect()
}

/// Returns the commands that `--help` lists.
fn commands() -> Vec<clap::Command> {
    let program = Cli::command();
    program.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect()
}

fn flags(command: &clap::Command) -> Vec<String> {
    let flags = command.get_arguments().filter(|flag| !flag.is_hide_set());
    flags.filter_map(|flag| Some(format!("--{}", flag.get_long()?))).collect()
}

#[test]
fn each_command_has_a_man_page_with_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    write("man", folder.path());
    let page = |name: &str| {
        let page = fs::read_to_string(folder.path().join(name)).unwrap();
        page.replace("\\-", "-")
    };
    let program = page("screen-records-exporter.1");
    for command in commands() {
        let name = format!("screen-records-exporter-{}", command.get_name());
        assert!(program.contains(&format!("{name}(1)")), "{name} is not in the program's page");
        let page = page(&format!("{name}.1"));
        for flag in flags(&command) {
            assert!(page.contains(&flag), "{name} does not have {flag}");
        }
    }
    for flag in flags(&Cli::command()) {
        assert!(program.contains(&flag), "the program's page does not have {flag}");
    }
    assert_eq!(names(folder.path()).len(), commands().len() + 1);
}

#[test]
fn the_man_page_of_the_program_has_the_sections_that_administrators_look_for() {
    let folder = tempfile::tempdir().unwrap();
    write("man", folder.path());
    let page = fs::read_to_string(folder.path().join("screen-records-exporter.1")).unwrap();
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "FILES", "ENVIRONMENT", "SIGNALS", "EXIT STATUS"]
    {
        let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
        assert!(heading.iter().any(|heading| page.contains(heading)), "{section} is missing");
    }
}

#[test]
fn completions_offer_each_command_and_flag() {
    let folder = tempfile::tempdir().unwrap();
    write("completions", folder.path());
    let files = [
        "_screen-records-exporter",
        "screen-records-exporter.bash",
        "screen-records-exporter.fish",
    ];
    assert_eq!(names(folder.path()), files.map(str::to_owned).into());
    for file in files {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        for command in hidden_commands() {
            let help = command.get_about().unwrap().to_string();
            assert!(!text.contains(&help), "{file} has {}", command.get_name());
        }
        for command in commands() {
            assert!(
                text.contains(command.get_name()),
                "{file} does not have {}",
                command.get_name()
            );
            for flag in flags(&command) {
                // fish names a long flag without its dashes.
                assert!(text.contains(flag.trim_start_matches('-')), "{file} does not have {flag}");
            }
        }
    }
}

#[test]
fn bash_completes_the_flags_of_a_command() {
    let folder = tempfile::tempdir().unwrap();
    write("completions", folder.path());
    let script = r#"
        . ./screen-records-exporter.bash
        COMP_WORDS=(screen-records-exporter records --su)
        COMP_CWORD=2
        _screen__records__exporter screen-records-exporter --su records
        printf %s "${COMPREPLY[*]}""#;
    let bash = Command::new("bash").args(["-c", script]).current_dir(folder.path()).output();
    assert_eq!(String::from_utf8(bash.unwrap().stdout).unwrap(), "--summary");
}

#[test]
fn fish_parses_flags_without_dots() {
    let folder = tempfile::tempdir().unwrap();
    write("completions", folder.path());
    let text = fs::read_to_string(folder.path().join("screen-records-exporter.fish")).unwrap();
    let flags = text.lines().find(|line| line.contains("config_file=")).unwrap();
    assert!(flags.contains("web_listen-address=") && !flags.contains('.'), "{flags}");
    assert!(text.contains("set -l cmd (commandline -opc | string replace --all . _)"), "{text}");
}

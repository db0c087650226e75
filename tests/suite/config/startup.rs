//! The environment and the program: as the only config, beside files that must not be ignored, and the
//! warnings about it.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{
    Api, Exporter, Process, TOKEN, binary, client, config, eventually, folder, write,
};

/// The binary in a folder, with a complete project in its environment.
fn with_project(folder: &Path, api: &str) -> Command {
    let mut command = binary();
    command.current_dir(folder);
    for (key, text) in [
        ("NAME", "of-the-environment"),
        ("PROJECT_ID", "0"),
        ("ENDPOINT", api),
        ("AUTH__METHOD", "token"),
        ("AUTH__TOKEN", TOKEN),
    ] {
        command.env(format!("SCREEN_RECORDS_EXPORTER__PROJECTS__0__{key}"), text);
    }
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn the_environment_alone_is_a_config_also_for_a_reload() {
    let api = Api::start(&["--records", "10"]);
    let folder = folder();
    let output = with_project(folder.path(), &api.url).arg("check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let effective = String::from_utf8(output.stdout).unwrap();
    assert!(effective.contains("name = \"of-the-environment\""), "{effective}");

    let mut command = with_project(folder.path(), &api.url);
    command.args(["--web.listen-address", "127.0.0.1:0"]);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let up = "workspace_screen_records_up{project=\"of-the-environment\"}";
    exporter.scraped_until(up, 1.0).await;
    // A reload reads the sources of the start.
    write(folder.path(), "config.toml", &config(&api.url, ""));
    let reload = client().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
    assert_eq!(reload.status(), 200);
    assert_eq!(exporter.metrics().await.of("workspace_screen_records_up{").len(), 1);
    exporter.scraped_until(up, 1.0).await;
}

#[test]
fn a_file_that_is_named_or_exists_is_never_replaced_by_the_environment() {
    let folder = folder();
    let check = |arguments: &[&str]| {
        let mut command = with_project(folder.path(), "http://127.0.0.1:9");
        let output = command.arg("check").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        stderr(&output)
    };
    let named = check(&["--config.file", "config.toml"]);
    assert!(named.starts_with("error: config.toml: cannot be read: No such file"), "{named}");
    let path = folder.path().join("config.toml");
    std::os::unix::fs::symlink("missing", &path).unwrap();
    let dangling = check(&[]);
    assert!(dangling.starts_with("error: config.toml: cannot be read: No such file"), "{dangling}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let directory = check(&[]);
    assert!(directory.starts_with("error: config.toml: is a directory"), "{directory}");
}

#[tokio::test]
async fn every_command_with_a_config_warns_once_of_a_variable_with_a_single_underscore() {
    let api = Api::start(&["--records", "10"]);
    let folder = folder();
    let warned = |log: &str| {
        let expected = "variable=SCREEN_RECORDS_EXPORTER_POLL_WINDOW \
                        meant=SCREEN_RECORDS_EXPORTER__POLL__WINDOW";
        assert_eq!(log.matches(expected).count(), 1, "{log}");
        assert_eq!(log.matches("level=warn").count(), 1, "{log}");
    };
    let with_mistake = || {
        let mut command = with_project(folder.path(), &api.url);
        command.env("SCREEN_RECORDS_EXPORTER_POLL_WINDOW", "1d");
        command.env("SCREEN_RECORDS_EXPORTER_SERVICE_HOST", "10.0.0.1");
        command
    };
    for command in ["check", "once"] {
        let output = with_mistake().arg(command).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        warned(&stderr(&output));
    }
    let mut command = with_mistake();
    command.args(["serve", "--web.listen-address", "127.0.0.1:0"]);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let reload = client().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
    assert_eq!(reload.status(), 200);
    eventually("the reload is logged", async || {
        exporter.process.stderr().contains("config reloaded").then_some(())
    })
    .await;
    warned(&exporter.process.stderr());
}

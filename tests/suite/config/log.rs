//! The log: the lines of every crate are printed, with a target that users can filter by.

use crate::support::{Api, binary, config, folder, write};

/// Runs `once` against an API that fails once, with all lines of the log.
fn log(format: &str) -> String {
    let api = Api::start(&["--records", "10", "--fault", "status=503,times=1"]);
    let folder = folder();
    let file = write(folder.path(), "config.toml", &config(&api.url, ""));
    let mut command = binary();
    command.args(["once", "--log.level", "debug", "--log.format", format, "--config.file"]);
    let output = command.arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_lines_of_every_crate_are_printed_with_one_target() {
    let retry = "request failed, retrying";
    let lines = log("logfmt");
    assert!(lines.contains(&format!("message=\"{retry}\"")), "{lines}");
    for line in lines.lines() {
        assert!(line.contains(" target=screen_records_exporter message="), "{line}");
    }
    let lines = log("json");
    assert!(lines.contains(&format!("\"message\":\"{retry}\"")), "{lines}");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["target"], "screen_records_exporter", "{line}");
    }
}

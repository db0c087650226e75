//! The service unit in `examples/systemd`, as systemd reads it.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{folder, write};

/// Highest exposure, in tenths, that `systemd-analyze security` may report.
const MAX_EXPOSURE: &str = "12";

fn unit() -> String {
    let name = "examples/systemd/screen-records-exporter.service";
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn analyze(arguments: &[&str], unit: &str) -> (bool, String) {
    let folder = folder();
    let file = write(folder.path(), "screen-records-exporter.service", unit);
    let output = Command::new("systemd-analyze").args(arguments).arg(file).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_unit_is_valid() {
    let installed = "/usr/local/bin/screen-records-exporter";
    let unit = unit().replace(installed, env!("CARGO_BIN_EXE_screen-records-exporter"));
    let (is_valid, text) = analyze(&["verify", "--man=no"], &unit);
    assert!(is_valid && !text.contains("screen-records-exporter.service"), "{text}");
    let (_, text) = analyze(&["verify", "--man=no"], &format!("{unit}\n[Service]\nType=notifyx\n"));
    assert!(text.contains("notifyx"), "systemd reports errors: {text}");
}

#[test]
fn the_unit_is_hardened() {
    let threshold = format!("--threshold={MAX_EXPOSURE}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold];
    let (is_hardened, text) = analyze(&arguments, &unit());
    assert!(is_hardened, "{text}");
    let (is_hardened, text) = analyze(&arguments, &unit().replace("PrivateUsers=yes\n", ""));
    assert!(!is_hardened, "a unit that is less hardened passes: {text}");
}

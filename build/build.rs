//! Bakes into the binary what it was built from (see the metric `..._build_info`), and the runbook as HTML.

mod runbook;

use std::path::{Path, PathBuf};
use std::process::Command;

const RUNBOOK: &str = "docs/runbook.md";

fn main() {
    println!("cargo:rerun-if-changed=build");
    // A file that is missing, as in a work tree or an archive, would count as changed every time.
    for path in [".git/HEAD", ".git/refs/heads"].into_iter().filter(|path| Path::new(path).exists())
    {
        println!("cargo:rerun-if-changed={path}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rust_version = output(&rustc, &["--version"]);
    let rust_version = rust_version.split_whitespace().nth(1).unwrap_or("unknown");
    let revision = output("git", &["rev-parse", "--short=12", "HEAD"]);
    println!("cargo:rustc-env=BUILD_RUST_VERSION={rust_version}");
    println!("cargo:rustc-env=BUILD_REVISION={revision}");
    render_runbook();
}

/// Writes the runbook as HTML where `src/http/page/runbook.rs` includes it.
fn render_runbook() {
    println!("cargo:rerun-if-changed={RUNBOOK}");
    let markdown = std::fs::read_to_string(RUNBOOK).expect("docs/runbook.md is readable");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(folder.join("runbook.html"), runbook::html(&markdown))
        .expect("OUT_DIR is writable");
}

/// Returns what a command prints, or `unknown` where it is missing: a release may be built without git.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success());
    let text = text.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

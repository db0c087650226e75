//! The pages checked by axe-core, the rules of which include those of WCAG and best practices.

use std::path::Path;

use serde_json::Value;

use super::pages::{dom, three};
use crate::support::{Api, client, folder, get, write};

/// Runs axe-core in a page and makes the violations the title of the frame's parent.
const RUN: &str = "axe.run({rules: {'target-size': {enabled: true}}}).then(result => {\
                   parent.document.title = JSON.stringify({passes: result.passes.length, violations: \
                   result.violations.map(({id, nodes}) => [id, ...nodes.map(node => \
                   node.target.join(' '))].join(' '))});});";

/// Checks a page in a frame of this width: a window is at least 500 pixels wide.
fn violations(folder: &Path, html: &str, width: u32, scheme: &str) -> Vec<String> {
    let axe = std::env::var("SCREEN_RECORDS_TEST_AXE").expect("set by tests/run");
    let scripts = format!("<script src=\"file://{axe}\"></script><script>{RUN}</script></body>");
    let html = html.replace("</body>", &scripts);
    let frame = format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'><iframe \
         width={width} height=844 srcdoc=\"{}\"></iframe>",
        html.replace('&', "&amp;").replace('"', "&quot;")
    );
    let path = write(folder, "accessibility.html", &frame);
    let more = [scheme, "--virtual-time-budget=20000"];
    let (dom, log) = dom(&format!("file://{}", path.display()), 1400, &more);
    let title = dom.split("<title>").nth(1).unwrap_or_else(|| panic!("no result: {log}"));
    let title = title.split("</title>").next().unwrap().replace("&gt;", ">").replace("&amp;", "&");
    let result: Value = serde_json::from_str(&title).unwrap();
    assert!(result["passes"].as_u64() > Some(10), "{result}");
    let found = result["violations"].as_array().unwrap();
    found.iter().map(|violation| violation.as_str().unwrap().to_owned()).collect()
}

const LIGHT: &str = "--blink-settings=preferredColorScheme=1";
const DARK: &str = "--blink-settings=preferredColorScheme=0";

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_violation_on_any_page() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = three(&api.url).await;
    let folder = folder();
    for path in [
        "/",
        "/failures?limit=50",
        "/desktops?limit=50",
        "/records",
        "/records?nothing=1",
        "/runbook",
        "/failures?pol=x",
    ] {
        let answer = client().get(format!("{}{path}", exporter.url)).send().await;
        let html = answer.unwrap().text().await.unwrap();
        for (width, scheme) in [(1280, LIGHT), (1280, DARK), (390, LIGHT), (390, DARK)] {
            let found = violations(folder.path(), &html, width, scheme);
            assert!(found.is_empty(), "{path} at {width} with {scheme}: {found:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_a_field_without_a_label_and_colours_without_contrast() {
    let api = Api::start(&["--records", "100"]);
    let exporter = three(&api.url).await;
    let folder = folder();
    let html = get(&format!("{}/failures", exporter.url)).await;
    let broken = html.replace("<label>", "<div>").replace("</label>", "</div>");
    let broken = broken.replace("--quiet:#595959", "--quiet:#aaa");
    let found = violations(folder.path(), &broken, 1280, LIGHT);
    for rule in ["select-name", "color-contrast"] {
        assert!(found.iter().any(|violation| violation.starts_with(rule)), "{rule}: {found:#?}");
    }
}

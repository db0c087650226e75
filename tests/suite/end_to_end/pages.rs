//! The pages in Debian's Chromium, without a window: what is in its DOM, what it complains of, and
//! how wide and how bright it lays them out.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Api, Exporter, TOKEN, eventually, folder, get, get_json, write};

/// What may be in a page.
const ELEMENTS: [&str; 41] = [
    "a", "body", "br", "button", "code", "datalist", "dd", "details", "div", "dl", "dt", "form",
    "h1", "h2", "head", "header", "html", "input", "label", "li", "link", "main", "meta", "nav",
    "option", "p", "select", "small", "span", "style", "summary", "table", "tbody", "td", "th",
    "thead", "time", "title", "tr", "ul", "wbr",
];

/// The DOM of a page at so many pixels, and what the browser logged.
pub(super) fn dom(url: &str, width: u32, more: &[&str]) -> (String, String) {
    let home = folder();
    let mut chromium = Command::new("chromium");
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--v=0",
        "--dump-dom",
    ];
    chromium.args(quiet).arg(format!("--user-data-dir={}", home.path().display()));
    chromium.arg(format!("--window-size={width},844")).args(more).arg(url);
    let output = chromium.env("HOME", home.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (dom, log) = (text(output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success() && dom.contains("<html"), "{url}: {log}");
    (dom, log)
}

/// What the browser complains of.
fn complaints(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("CONSOLE")).collect()
}

/// Two projects of an API with hostile names, and one of an API that is not there.
pub(super) async fn three(api: &str) -> Exporter {
    let names = [("sales", api), ("<b>'\"&", api), ("away", "http://127.0.0.1:1")];
    let projects = names.map(|(name, url)| {
        let name = serde_json::to_string(name).unwrap();
        format!(
            "[[projects]]\nname = {name}\nproject_id = '0'\nendpoint = '{url}'\n\
             auth = {{ method = 'token', token = '{TOKEN}' }}\n"
        )
    });
    let text = format!("[web]\nrecords = true\n[api]\nmax_retries = 0\n{}", projects.concat());
    let exporter = Exporter::start(&text).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"sales\"}", 1.0).await;
    eventually("the others were polled too", async || {
        let page = get(&exporter.url).await;
        (page.contains("Failing") && page.matches("✓ Up").count() == 2).then_some(())
    })
    .await;
    exporter
}

/// A text as a DOM shows it that is written down.
fn written(text: &str) -> String {
    let seen = text.chars().map(|c| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() && c != '\n' => '\u{fffd}',
        c => c,
    });
    let seen: String = seen.collect();
    seen.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn elements(dom: &str) -> BTreeSet<&str> {
    let tags = dom.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '!']));
    tags.map(|tag| tag.split([' ', '>']).next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_every_row_as_text_and_complains_of_nothing() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = three(&api.url).await;
    let known = BTreeSet::from(ELEMENTS);
    let (landing, log) = dom(&exporter.url, 1280, &[]);
    assert_eq!(complaints(&log), Vec::<&str>::new());
    assert!(elements(&landing).is_subset(&known), "{:?}", elements(&landing));
    for part in [
        "<summary>&lt;b&gt;'\"&amp;</summary>",
        "href=\"/failures?project=%3Cb%3E%27%22%26\"",
        "href=\"/probe?target=%3Cb%3E%27%22%26\"",
        "cannot be reached",
        "Remedy: check <code>projects.endpoint</code>",
        "10 per second, 4 concurrent",
        "Counting since</dt><dd><time",
        " before counting</a>",
        "2 of 3 projects up",
    ] {
        assert!(landing.contains(part), "{part}: {landing}");
    }

    let query = "limit=1000&project=%3Cb%3E%27%22%26";
    let (page, log) = dom(&format!("{}/failures?{query}", exporter.url), 1280, &[]);
    assert_eq!(complaints(&log), Vec::<&str>::new());
    assert!(elements(&page).is_subset(&known), "{:?}", elements(&page));
    let json = get_json(&format!("{}/api/v1/failures?{query}", exporter.url)).await;
    let failures = json["failures"].as_array().unwrap();
    assert!(failures.len() > 50);
    let rows: Vec<_> = page.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), failures.len());
    let names = [
        ("user", "User"),
        ("desktop_name", "Desktop"),
        ("pool_name", "Pool"),
        ("status", "Status"),
        ("file_name", "File"),
        ("id", "ID"),
    ];
    for (row, failure) in rows.iter().zip(failures) {
        for (name, label) in names {
            let cell = row.split(&format!("data-label=\"{label}\"")).nth(1).unwrap();
            let cell = cell.split("</td>").next().unwrap();
            let text = failure[name].as_str().map_or_else(String::new, written);
            assert!(cell.contains(&text), "{name}: {text:?} is not in {cell}");
        }
    }
    let of_others = get_json(&format!("{}/api/v1/failures?project=away", exporter.url)).await;
    assert_eq!(of_others["failures"].as_array().map(Vec::len), Some(0));
    assert_eq!(of_others["projects"][0]["as_of"], Value::Null);
    let (away, _) = dom(&format!("{}/failures?project=away", exporter.url), 390, &[]);
    assert!(away.contains("away: unknown until the first poll completes"), "{away}");
}

/// Has a page say how wide it is and what it looks like, from a copy with a script in a frame: a
/// window is at least 500 pixels wide.
async fn measured(folder: &Path, url: &str, width: u32, more: &[&str]) -> Value {
    let script = "<script>const root = document.documentElement, style = what => \
                  getComputedStyle(document.querySelector(what)); parent.document.title = \
                  JSON.stringify({content: root.scrollWidth, height: root.scrollHeight, window: \
                  root.clientWidth, cell: style('td, dd').display, page: \
                  style('body').backgroundColor});</script>";
    let html = get(url).await.replace("</body>", &format!("{script}</body>"));
    let frame = format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'><iframe \
         width={width} height=844 srcdoc=\"{}\"></iframe>",
        html.replace('&', "&amp;").replace('"', "&quot;")
    );
    let path = write(folder, "frame.html", &frame);
    let (dom, log) = dom(&format!("file://{}", path.display()), 1400, more);
    let title = dom.split("<title>").nth(1).unwrap_or_else(|| panic!("no title: {log}"));
    serde_json::from_str(title.split("</title>").next().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_lays_the_pages_out_for_a_phone_and_for_the_dark() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = three(&api.url).await;
    let folder = folder();
    for path in ["/", "/failures", "/desktops"] {
        let url = format!("{}{path}", exporter.url);
        for width in [390, 800, 1280] {
            let size = measured(folder.path(), &url, width, &[]).await;
            let (content, window) = (size["content"].as_u64(), size["window"].as_u64());
            assert!(window > Some(300) && window <= Some(width.into()), "{path}: {size}");
            assert!(content <= window, "{path} is too wide at {width}: {size}");
            if path != "/" {
                let display = if width < 1000 { "block" } else { "table-cell" };
                assert_eq!(size["cell"], display, "{width}");
            }
        }
    }
    let url = format!("{}/failures", exporter.url);
    let dark = ["--blink-settings=preferredColorScheme=0"];
    let light = ["--blink-settings=preferredColorScheme=1"];
    for (scheme, colour) in [(dark, "rgb(22, 22, 22)"), (light, "rgb(255, 255, 255)")] {
        assert_eq!(measured(folder.path(), &url, 1280, &scheme).await["page"], colour);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_screens_are_enough_for_24_projects_of_which_six_fail() {
    let api = Api::start(&["--records", "3000"]);
    let projects = (0..24).map(|number| {
        // A port that nothing listens on, and a token that the API refuses.
        let (url, token) = match number % 8 {
            3 => ("http://127.0.0.1:1", TOKEN),
            6 => (&*api.url, "wrong"),
            _ => (&*api.url, TOKEN),
        };
        format!(
            "[[projects]]\nname = 'project-{number}'\nproject_id = '{number}'\nendpoint = '{url}'\n\
             auth = {{ method = 'token', token = '{token}' }}\n"
        )
    });
    let projects: String = projects.collect();
    let exporter = Exporter::start(&format!("[api]\nmax_retries = 0\n{projects}")).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"project-0\"}", 1.0).await;
    eventually("all projects were polled", async || {
        let page = get(&exporter.url).await;
        (page.matches("✕ Failing").count() == 6 && page.matches("✓ Up").count() == 18).then_some(())
    })
    .await;
    let page = get(&exporter.url).await;
    assert_eq!(page.matches("Remedy: ").count(), 2, "{page}");
    assert!(
        page.matches("before counting</a>").count() > 18,
        "the rows of failures are high: {page}"
    );
    let folder = folder();
    let size = measured(folder.path(), &exporter.url, 1280, &[]).await;
    assert!(size["height"].as_u64() <= Some(2 * 1024), "{size}");
    assert!(size["height"].as_u64() > Some(1024), "{size}");
}

/// What is looked for above is seen where it is.
#[test]
fn chromium_says_when_a_page_may_not_do_what_it_does() {
    let folder = folder();
    let html = "<!doctype html><meta http-equiv=\"Content-Security-Policy\" content=\"style-src \
                'none'\"><style>p{color:red}</style><p>text";
    let path = write(folder.path(), "forbidden.html", html);
    let (_, log) = dom(&format!("file://{}", path.display()), 390, &[]);
    assert!(complaints(&log).iter().any(|line| line.contains("Content Security Policy")), "{log}");
}

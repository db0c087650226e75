//! Unit tests of the page with snapshots made by hand.

use super::*;
use crate::http::desktops::tests::{NOW, desktop, view};
use crate::snapshot::Desktop;

fn html(projects: &[ProjectView], query: &str) -> String {
    let query = Query::parse(query, Format::Html, &["p", "q"]).unwrap();
    let links = Links::new(None, Some("/x"), "/metrics");
    body(&["p", "q"], projects, &query, &links, false, Timestamp::from_millis(NOW + 5000))
}

#[test]
fn a_row_shows_silence_pool_and_failures() {
    let unnamed = Desktop { name: None, failed: 0, last_upload: None, ..desktop("2", None, 1) };
    let html = html(&[view("p", vec![desktop("1", Some("b"), 50), unnamed])], "");
    for part in [
        "<td data-label=\"Silent for\" class=\"short\">2d 2h</td>",
        "<td data-label=\"Silent for\" class=\"short\">1h 0m</td>",
        "<td data-label=\"Pool\">R&amp;D<small>b</small></td>",
        "<td data-label=\"Desktop\">name of 1<small>1</small></td>",
        "<td data-label=\"Desktop\">2</td>",
        "<td data-label=\"Last upload\">–</td>",
        "<a class=\"bad\" href=\"/x/failures?project=p&amp;desktop=1\">1</a>",
        "<td data-label=\"Failed\" class=\"short\">0</td>",
        "<p>2 desktops, the longest silent first.</p>",
        "22:13:20 UTC</time>, 5s ago.</p>",
        "<option value=\"_none\">_none</option>",
        "<option value=\"a\">Sales</option>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("aria-label=\"Pages\""));
}

#[test]
fn links_to_other_pages_keep_the_filter() {
    let desktops = (0..25).map(|n| desktop(&n.to_string(), Some("a"), 100 - n)).collect();
    let projects = [view("p", desktops)];
    let page = html(&projects, "pool=Sales&silent_for=1d&limit=10&offset=10");
    for part in [
        "<a rel=\"prev\" href=\"/x/desktops?pool=Sales&amp;silent_for=1d&amp;limit=10\">",
        "<a rel=\"next\" href=\"/x/desktops?pool=Sales&amp;silent_for=1d&amp;limit=10&amp;offset=20\">",
        "href=\"/x/api/v1/desktops?pool=Sales&amp;silent_for=1d\">Desktops as JSON",
        "href=\"/x/api/v1/desktops?pool=Sales&amp;silent_for=1d&amp;format=csv\">Desktops as CSV",
        "<p>Desktops 11 to 20 of 25, the longest silent first.</p>",
        "<option value=\"Sales\" selected>Sales</option>",
        "name=\"silent_for\" placeholder=\"24h\" value=\"1d\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let last = html(&projects, "limit=10&offset=20");
    assert!(last.contains("rel=\"prev\"") && !last.contains("rel=\"next\""));
    let beyond = html(&projects, "limit=10&offset=1000");
    assert!(beyond.contains("<p>25 desktops match, none from number 1000 on.</p>"), "{beyond}");
    assert!(beyond.contains("limit=10&amp;offset=15\">Previous"), "{beyond}");
}

#[test]
fn names_are_escaped_and_an_unknown_pool_is_named() {
    let hostile = "\"><script>alert(1)</script>\u{202e}";
    let row = Desktop { name: Some(hostile.into()), ..desktop(hostile, Some(hostile), 1) };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("pool", "<b>").finish();
    for html in [html(&[view("p", vec![row.clone()])], ""), html(&[view("p", vec![row])], &query)] {
        for part in ["<script", "<b>", "\u{202e}"] {
            assert!(!html.contains(part), "{part}: {html}");
        }
        assert!(html.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}"), "{html}");
    }
    let html = html(&[view("p", Vec::new())], &query);
    assert!(html.contains("<p class=\"note\">Pool &lt;b&gt; is not known.</p>"), "{html}");
    assert!(html.contains("<p>No matching desktops.</p>"));
}

#[test]
fn a_stale_project_is_marked() {
    let stale = ProjectView { is_stale: true, ..view("p", vec![desktop("1", None, 1)]) };
    let html = html(&[stale], "");
    assert!(html.contains("<p class=\"note\">p: stale, as of"), "{html}");
}

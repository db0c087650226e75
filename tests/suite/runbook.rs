//! The page `/runbook`, which alerts link to.

use std::collections::BTreeSet;

use crate::catalog::read;
use crate::support::{Api, Exporter, client, config, get};

/// Returns the values of an attribute.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let parts = html.split(&format!(" {attribute}=\"")).skip(1).collect::<Vec<_>>();
    parts.into_iter().map(|part| part.split('"').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbook_has_an_anchor_for_every_alert() {
    let api = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, "[web]\nroute_prefix = '/x'\n")).await;
    let url = format!("{}/x/runbook", exporter.url);
    let html = get(&url).await;
    let ids = values(&html, "id");
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");

    let alerts = read("dashboards/alerts.yml");
    let alerts: Vec<_> =
        alerts.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 12, "{alerts:?}");
    for alert in alerts {
        let heading = format!("<h2 id=\"{}\">{alert}</h2>", alert.to_lowercase());
        assert!(html.contains(&heading), "{heading}");
    }

    let (anchors, pages): (Vec<_>, Vec<_>) =
        values(&html, "href").into_iter().partition(|href| href.starts_with('#'));
    assert!(anchors.len() > 12, "{anchors:?}");
    for anchor in anchors {
        assert!(unique.contains(&anchor[1..]), "{anchor}");
    }
    let pages: BTreeSet<_> = pages.into_iter().filter(|page| *page != "data:,").collect();
    let expected = ["/x/", "/x/desktops", "/x/failures", "/x/runbook"];
    assert_eq!(pages, BTreeSet::from(expected), "a link leads elsewhere");

    let head = client().head(&url).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(head.text().await.unwrap(), "");
    let metrics = get(&format!("{}/x/metrics", exporter.url)).await;
    assert!(metrics.contains("path=\"/runbook\""), "{metrics}");
}

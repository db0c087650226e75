//! The page `/`.

use crate::support::{Api, Exporter, client, config, eventually, get};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

#[tokio::test(flavor = "multi_thread")]
async fn only_the_landing_page_refreshes_itself_and_a_parameter_stops_it() {
    let api = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    let answer = async |path: &str| {
        let answer = client().get(format!("{}{path}", exporter.url)).send().await.unwrap();
        let refresh =
            answer.headers().get("refresh").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), refresh, answer.text().await.unwrap())
    };
    for (path, refresh) in [
        ("/", Some("30")),
        ("/?refresh=10s", Some("10")),
        ("/?refresh=1h", Some("3600")),
        ("/?refresh=off", None),
        ("/failures", None),
        ("/desktops", None),
        ("/runbook", None),
    ] {
        let (status, header, _) = answer(path).await;
        assert_eq!((status, header.as_deref()), (200, refresh), "{path}");
    }
    assert!(answer("/").await.2.contains("<a href=\"/?refresh=off\">stop</a>"));
    assert!(answer("/?refresh=off").await.2.contains("<a href=\"/\">start</a>"));
    for (query, says) in [
        ("refresh=1s", "accepted are off and a duration from 5s to 1h"),
        ("refresh=2h", "accepted are off and a duration from 5s to 1h"),
        ("refresh=always", "accepted are off and a duration from 5s to 1h"),
        ("project=p", "unknown parameter project; accepted are refresh"),
    ] {
        let (status, refresh, text) = answer(&format!("/?{query}")).await;
        assert_eq!((status, refresh), (400, None), "{query}");
        assert!(text.contains(says), "{query}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_first_day_are_shown_with_links() {
    let api = Api::start(&["--records", "500", "--failure-share", "0.1"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    exporter.scraped_until(UP, 1.0).await;
    let page = eventually("the page shows the records", async || {
        let page = get(&exporter.url).await;
        page.contains("1 of 1 projects up").then_some(page)
    })
    .await;
    for part in [
        "500 records in the window",
        "<a class=\"warn\" href=\"/failures?counted=false\">",
        "href=\"/failures?project=p&amp;status=UPLOAD_FAILED&amp;counted=false\">",
        " before counting</a>",
        "<p class=\"note caution\">",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("counted=true"), "nothing has failed since: {page}");
}

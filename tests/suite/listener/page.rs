//! `docs/listener.md`: its example works.

use super::{Authority, Guarded};

#[tokio::test]
async fn the_documented_web_config_is_accepted() {
    let page = crate::catalog::read("docs/listener.md");
    let snippets: Vec<_> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let ours: Vec<_> = snippets.iter().filter(|text| !text.contains("scrape_configs")).collect();
    assert_eq!((snippets.len(), ours.len()), (2, 1));
    for text in ours {
        let guarded = Guarded::start(text, |folder| {
            Authority::new().server().write(folder, "prometheus");
        });
        assert_eq!(
            guarded.await.https("/-/healthy", &[]).status,
            0,
            "no certificate was asked for"
        );
    }
}

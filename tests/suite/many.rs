//! Two hundred projects in one process.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Api, Exporter, ReservedPort, TOKEN, eventually, get_json};

const PROJECTS: usize = 200;
const UP: &str = "workspace_screen_records_up{";
const FAILURES: &str =
    "screen_records_exporter_polls_total{project=\"project-077\",outcome=\"failure\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_projects_poll_side_by_side_and_one_that_fails_recovers_by_itself() {
    let arguments = ["--records=300", "--users=5", "--pools=2", "--desktops=10"];
    let api = Api::start(&arguments);
    // Nobody listens there until later.
    let port = ReservedPort::new();
    let away = &port.address;
    // The only failure is a connection that is refused: no request times out, however busy the machine is.
    let mut config = "[poll]\nmin_interval = \"1s\"\n\
                      [api]\nmax_retries = 0\nrequest_timeout = \"5m\"\n"
        .to_owned();
    for number in 0..PROJECTS {
        let endpoint = if number == 77 { format!("http://{away}") } else { api.url.clone() };
        let _ = writeln!(
            config,
            "[[projects]]\nname = \"project-{number:03}\"\nproject_id = \"{number}\"\n\
             endpoint = \"{endpoint}\"\nauth = {{ method = \"token\", token = \"{TOKEN}\" }}"
        );
    }
    let exporter = Exporter::start(&config).await;
    let name_of = |sample: &str| sample.split('"').nth(1).unwrap().to_owned();
    let metrics = eventually("all but one are up", async || {
        let metrics = exporter.metrics().await;
        let up = metrics.of(UP).values().sum::<f64>();
        let failed = metrics.0.get(FAILURES).is_some_and(|failures| *failures >= 1.0);
        (up >= (PROJECTS - 1) as f64 && failed).then_some(metrics)
    })
    .await;
    let up = metrics.of(UP);
    let names: Vec<_> = up.keys().map(|sample| name_of(sample)).collect();
    let expected: Vec<_> = (0..PROJECTS).map(|number| format!("project-{number:03}")).collect();
    assert_eq!(names, expected);
    assert_eq!(up[&format!("{UP}project=\"project-077\"}}")], 0.0);
    assert!(metrics.of("workspace_screen_records{project=\"project-077\"").is_empty());

    let groups = get_json(&format!("{}/sd", exporter.url)).await;
    let target = |group: &Value| group["labels"]["__param_target"].as_str().unwrap().to_owned();
    let targets: Vec<_> = groups.as_array().unwrap().iter().map(target).collect();
    assert_eq!(targets, expected);

    let _back = Api::start_on(away, &arguments);
    let sample = format!("{UP}project=\"project-077\"}}");
    let metrics = exporter.scraped_until(&sample, 1.0).await;
    let sum = |project: &str| -> f64 {
        let prefix = format!("workspace_screen_records{{project=\"{project}\"");
        metrics.of(&prefix).values().sum()
    };
    assert_eq!((sum("project-077"), sum("project-078")), (300.0, 300.0));
    let failed: f64 = metrics
        .of("screen_records_exporter_polls_total{")
        .into_iter()
        .filter(|(sample, _)| sample.contains("failure") && !sample.contains("project-077"))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(failed, 0.0, "the others are not touched");
}

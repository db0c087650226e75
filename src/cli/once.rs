//! `once`: polls once and prints the metrics, for the textfile collector and for a first look.

use futures_util::future::join_all;

use crate::exposition::Wanted;

use super::answer::answer;
use super::arguments::ServeFlags;
use super::load::load;
use crate::app::{App, Failure};
use crate::project::Project;

pub(super) async fn run(flags: &ServeFlags) -> Result<(), Failure> {
    let app = App::for_one_poll(load(flags)?).await?;
    let collector = app.collector();
    let polls = collector.projects().iter().map(Project::poll_once);
    let statuses = join_all(polls).await;
    let body = collector.expose(Wanted::default()).map_err(Failure::run)?;
    answer(body.to_vec())?;
    let failed: Vec<_> = statuses
        .iter()
        .filter_map(|status| {
            let failure = status.failure.as_ref()?;
            Some(format!("{}: {}: {}", status.view.project(), failure.what, failure.remedy))
        })
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::run(failed.join("\n"))) }
}

//! `check`: prints the effective config, and with `--online` tries each project.

use std::fmt::Write;

use super::answer::answer;
use super::arguments::ServeFlags;
use super::load::load;
use crate::app::{App, Failure, check_database, web_config};

pub(super) async fn run(flags: &ServeFlags, online: bool) -> Result<(), Failure> {
    let config = load(flags)?;
    web_config(&config)?;
    answer(config.to_toml())?;
    if !online {
        return Ok(());
    }
    let mut failed = Vec::new();
    if let Err(Failure::Run(error) | Failure::Usage(error)) = check_database(&config).await {
        failed.push(error);
    }
    let app = App::without_state(config)?;
    for project in app.collector().projects() {
        match project.check_api().await {
            Ok(found) => {
                let mut text = format!("\n# {}: signed in", project.name());
                // Writing into a string cannot fail.
                let _ = write!(text, "\n#   {}\n", found.lines().join("\n#   "));
                answer(text)?;
            }
            Err(error) => {
                failed.push(format!("{}: {error}: {}", project.name(), error.reason.remedy()));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::run(failed.join("\n"))) }
}

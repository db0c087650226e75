//! The section `[[projects]]`.

mod auth;
mod labels;
mod profile;

use std::collections::BTreeSet;

use url::Url;

pub use auth::{AccessKey, Auth, EcsAgency, Password, ProfileFile, Token};
pub use labels::RESERVED_LABELS;
pub(crate) use labels::check_label;

use super::part::{Part, Section, plain_part, section};
use super::problem::{Place, Problem};
use super::reader::{LIST, Reader, join};
use super::sources::{DEFAULT_FILE, Sources};
use super::url::is_loopback;
use super::variable_name::variable_name;

section! {
    /// A project to monitor.
    pub struct Project {
        /// The label `project`.
        pub name: String,
        /// The project's id in the cloud.
        pub project_id: String,
        /// Its region, if given.
        pub region: Option<String>,
        /// URL of the records API.
        pub endpoint: Url,
        /// True if `http://` is accepted beyond this machine.
        pub insecure_http: bool,
        /// True if the names of desktop pools are read.
        pub pool_names: bool,
        /// Authentication.
        pub auth: Auth,
        /// Selection of records.
        pub filter: Filter,
        /// Constant labels of every series: names and values, in the order of the names.
        pub labels: Vec<(String, String)>,
    }
}

section! {
    /// Selection of records. Codes are checked.
    #[derive(Default)]
    pub struct Filter {
        /// Exactly this desktop.
        pub desktop_id: Option<String>,
        /// Any of these desktops.
        pub desktop_names: Option<Vec<String>>,
        /// Exactly this user.
        pub username: Option<String>,
        /// Only this status, as a code.
        pub status: Option<String>,
        /// Only this type, as a code.
        pub r#type: Option<String>,
    }
}

plain_part!(Filter);

const MAX_PROJECTS: usize = 1000;

/// Reads the list of projects.
pub(super) fn read_all(reader: &mut Reader<'_>, path: &str) -> Vec<Project> {
    let count = reader.list_len();
    if count > MAX_PROJECTS {
        let text = format!("{count} are more than the {MAX_PROJECTS} that one process can watch");
        reader.problem(path, text);
        return Vec::new();
    }
    let mut projects = Vec::new();
    let mut names = BTreeSet::new();
    for path in (0..count).map(|index| format!("{path}[{index}]")) {
        // Elements that are not tables have been refused already.
        if !reader.has_section(&path) {
            continue;
        }
        let project = Project::read(reader, &path);
        if !project.name.is_empty() && !names.insert(project.name.clone()) {
            let text = format!("{:?} is the name of another project", project.name);
            reader.problem(&join(&path, "name"), text);
        }
        projects.push(project);
    }
    projects
}

/// Reports a config without projects, for a command that needs one.
pub(super) fn check_number(reader: &mut Reader<'_>, sources: &Sources) {
    if sources.needs_projects && reader.list_len() == 0 && !reader.has_section(LIST) {
        let (place, text) = match &sources.file {
            Some(path) => (
                path.display().to_string(),
                "is empty; add a section [[projects]] with name, project_id, region and auth"
                    .to_owned(),
            ),
            None => (
                "the config".to_owned(),
                format!(
                    "is empty: {DEFAULT_FILE} does not exist, and no variable describes a project. Name a \
                     file with --config.file, or set {} and the other keys of a project",
                    variable_name("projects[0].name")
                ),
            ),
        };
        reader.note(Problem::of_key(&Place::of(place), LIST, text));
    }
}

impl Part for Project {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        profile::provide_project_id(reader, path);
        let project = Self::read_fields(reader, path);
        project.check_clear_text(reader, path);
        project
    }

    fn show(&self, name: &str) -> Option<(String, toml::Value)> {
        Some((name.to_owned(), toml::Value::Table(self.show_fields())))
    }
}

impl Project {
    fn check_clear_text(&self, reader: &mut Reader<'_>, path: &str) {
        let mut endpoints = vec![("endpoint", &self.endpoint)];
        if let Auth::Password(password) = &self.auth {
            endpoints.push(("auth.iam_endpoint", &password.iam_endpoint));
        }
        for (name, url) in endpoints {
            if url.scheme() == "http" && !is_loopback(url) && !self.insecure_http {
                let text = format!(
                    "{:?} would send the credentials in clear text. Use https://, or set \
                     insecure_http = true",
                    url.as_str()
                );
                reader.problem(&join(path, name), text);
            }
        }
    }
}

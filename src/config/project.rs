//! The section `[[projects]]`.

mod auth;
mod endpoint;
mod filter;
mod section;

use std::collections::BTreeSet;

use figment::value::Value;
use url::Url;

pub use auth::Auth;
pub use filter::Filter;

use super::problem::Problem;
use super::reader::Reader;
use super::source::Sources;
use super::value::table;
use section::Section;

/// A project to watch.
#[derive(Debug, Clone)]
pub struct Project {
    /// The label `project`.
    pub name: String,
    /// The project's id in the cloud.
    pub project_id: String,
    /// Its region, if given.
    pub region: Option<String>,
    /// The records API.
    pub endpoint: Url,
    /// Whether `http://` is accepted beyond this machine.
    pub insecure_http: bool,
    /// Whether the names of desktop pools are read.
    pub pool_names: bool,
    /// How to sign in.
    pub auth: Auth,
    /// Which records.
    pub filter: Filter,
}

const LONGEST_NAME_CHARS: usize = 100;
/// A file of this name with an ending must fit into the 255 bytes of a file system.
const LONGEST_NAME_BYTES: usize = 200;

pub(super) fn read_all(reader: &mut Reader<'_>, sources: &Sources, most: usize) -> Vec<Project> {
    let list = match reader.value("projects") {
        None => Vec::new(),
        Some(Value::Array(_, list)) => list,
        Some(other) => {
            let origin = reader.origin(&other);
            reader.note(Problem::of_key(
                &origin,
                "projects",
                "is no list; write [[projects]] above its keys",
            ));
            return Vec::new();
        }
    };
    if list.is_empty() && sources.needs_projects {
        let file = sources
            .file
            .as_ref()
            .map_or_else(|| "the config".to_owned(), |path| path.display().to_string());
        let text =
            "there is none; add a section [[projects]] with name, project_id, region and auth";
        reader.note(Problem::of_key(&file, "projects", text));
    }
    if list.len() > most {
        let text = format!("{} are more than the {most} that one process watches", list.len());
        reader.note(Problem::of_key("the config", "projects", text));
        return Vec::new();
    }
    let variables = sources.project_variables();
    for variable in variables.iter().filter(|variable| variable.index >= list.len()) {
        let key = format!("projects[{}].{}", variable.index, variable.path);
        let text = format!("there is no such project: the file has {}, counted from 0", list.len());
        reader.note(Problem::of_key(variable.name, &key, text));
    }
    let mut projects = Vec::new();
    let mut names = BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let origin = reader.origin(value);
        let Some(dict) = table(value) else {
            let text = "is no table; write [[projects]] above its keys";
            reader.note(Problem::of_key(&origin, &format!("projects[{index}]"), text));
            continue;
        };
        let mut section = Section { reader, origin, index, dict, variables: &variables };
        let project = Project::read(&mut section);
        if !project.name.is_empty() && !names.insert(project.name.clone()) {
            let text =
                format!("{:?} is the name of an earlier project; names must differ", project.name);
            section.problem("name", &text);
        }
        projects.push(project);
    }
    projects
}

impl Project {
    fn read(section: &mut Section<'_, '_>) -> Self {
        section.check_keys();
        let insecure_http = section.flag("insecure_http");
        let region = section.text("region", is_region);
        Self {
            name: section.required("name", is_name),
            project_id: section.required("project_id", is_id),
            endpoint: endpoint::read(section, region.as_deref(), insecure_http),
            region,
            insecure_http,
            pool_names: section.flag("pool_names"),
            auth: Auth::read(section),
            filter: Filter::read(section),
        }
    }
}

/// It labels every series and will name the file of the project's state.
fn is_name(name: &str) -> bool {
    name.chars().count() <= LONGEST_NAME_CHARS
        && name.len() <= LONGEST_NAME_BYTES
        && !name.starts_with('.')
        && name.chars().all(|c| !c.is_control() && c != '/' && c != '\\')
}

fn is_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    id.len() <= 64 && id.chars().all(plain)
}

fn is_region(region: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    region.len() <= 63
        && !region.starts_with('-')
        && !region.ends_with('-')
        && region.chars().all(plain)
}

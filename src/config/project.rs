//! The section `[[projects]]`.

mod auth;
mod endpoint;
mod filter;
mod labels;
mod section;

use std::collections::BTreeSet;

use figment::value::Value;
use url::Url;

pub use auth::Auth;
pub use filter::Filter;
pub use labels::RESERVED_LABELS;

use super::keys;
use super::problem::Problem;
use super::reader::{NOT_SHOWN, Reader, not_accepted};
use super::source::Sources;
use super::value::table;
use endpoint::Surroundings;
use records_api::profile::Profile;
use section::Section;

/// A project to watch.
#[derive(Debug, Clone, PartialEq)]
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
    /// Constant labels of the project's series: names and values, ordered by name.
    pub labels: Vec<(String, String)>,
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
        let name = section.required("name", is_name);
        let surroundings = Surroundings { region: region.as_deref(), insecure_http };
        let endpoint = endpoint::RECORDS.read(section, &surroundings);
        let (auth, profile) = auth::read(section, &surroundings);
        Self {
            name,
            project_id: project_id(section, &auth, profile),
            endpoint,
            region,
            insecure_http,
            pool_names: section.flag("pool_names"),
            auth,
            filter: Filter::read(section),
            labels: labels::read(section),
        }
    }
}

/// The key, or else what the profile says, or else what the cloud's own tools go by.
fn project_id(section: &mut Section<'_, '_>, auth: &Auth, profile: Option<Profile>) -> String {
    let path = "project_id";
    let key = "projects.project_id";
    if section.value(path).is_some() {
        return section.text(path, is_id).unwrap_or_default();
    }
    let accepts = keys::accepts(key);
    // A value of these is not shown: where keys stand it may be one.
    match (auth, profile.and_then(|profile| profile.project_id), section.variable_of_tools(key)) {
        (_, Some(id), _) if is_id(&id) => return id,
        (Auth::Profile { file }, Some(_), _) => {
            let what = format!("{NOT_SHOWN} in the file {:?}", file.display().to_string());
            section.problem(path, &not_accepted(&what, accepts));
        }
        (_, _, Some((_, id))) if is_id(id) => return id.to_owned(),
        (_, _, Some((name, _))) => {
            section.problem_at(name, path, &not_accepted(NOT_SHOWN, accepts));
        }
        // A profile that is refused may hold it.
        _ if is_refused_profile(section, auth) => {}
        _ => section.miss(path),
    }
    String::new()
}

fn is_refused_profile(section: &Section<'_, '_>, auth: &Auth) -> bool {
    let method = section.value("auth.method");
    let is_profile = method.as_ref().and_then(Value::as_str) == Some("profile");
    is_profile && !matches!(auth, Auth::Profile { .. })
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
        && endpoint::is_part_of_host(region)
}

//! The section `[[projects]]`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use figment::value::{Dict, Value};
use secrecy::SecretString;
use url::{Host, Url};

use super::keys;
use super::reader::{Problem, Reader, below, show};
use super::source::Sources;

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

/// How to sign in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// With a token from the config or the environment.
    Token(SecretString),
    /// With a token from a file, which is read again when it changes.
    TokenFile(PathBuf),
}

/// Which records are asked for. Codes are checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Exactly this desktop.
    pub desktop_id: Option<String>,
    /// Any of these desktops.
    pub desktop_names: Vec<String>,
    /// Exactly this user.
    pub username: Option<String>,
    /// Only this status, as a code.
    pub status: Option<String>,
    /// Only this type, as a code.
    pub record_type: Option<String>,
}

const STATUSES: [&str; 6] =
    ["RECORDING", "REC_COMPLETED", "REC_FAILED", "UPLOADING", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];
const TYPES: [&str; 4] = ["FULL", "INTERVAL", "OPERATION", "SESSION"];
const MOST_DESKTOP_NAMES: usize = 100;
const LONGEST_NAME_CHARS: usize = 100;
const LARGEST_SECRET_FILE_BYTES: u64 = 64 * 1024;

pub(super) fn read_all(reader: &mut Reader<'_>, sources: &Sources, most: usize) -> Vec<Project> {
    let list = match reader.value("projects") {
        None => Vec::new(),
        Some(Value::Array(_, list)) => list,
        Some(other) => {
            let origin = reader.origin(&other);
            reader.note(Problem::of_key(&origin, "projects", "is no list; write [[projects]]"));
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
    for (index, _, name, _) in &variables {
        if *index >= list.len() {
            let text = format!("there is no project number {index}; they count from 0");
            reader.note(Problem::of_key(name, "projects", text));
        }
    }
    let mut projects = Vec::new();
    let mut names = BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let Value::Dict(_, dict) = value else {
            let origin = reader.origin(value);
            reader.note(Problem::of_key(&origin, &format!("projects[{index}]"), "is no table"));
            continue;
        };
        let mut section =
            Section { reader, origin: String::new(), index, dict, variables: &variables };
        section.origin = section.reader.origin(value);
        let project = section.read();
        if !project.name.is_empty() && !names.insert(project.name.clone()) {
            let text = format!("{:?} is taken by another project; names must differ", project.name);
            section.problem("name", &text);
        }
        projects.push(project);
    }
    projects
}

/// One project of the list.
struct Section<'s, 'r> {
    reader: &'s mut Reader<'r>,
    origin: String,
    index: usize,
    dict: &'s Dict,
    variables: &'s [(usize, String, &'s str, &'s str)],
}

impl Section<'_, '_> {
    fn read(&mut self) -> Project {
        for (name, value) in self.dict {
            let shown = self.shown(name);
            self.reader.check_value(&format!("projects.{name}"), &shown, value);
        }
        for (_, path, name, value) in self.variables.iter().filter(|(at, ..)| *at == self.index) {
            let known = keys::find(&format!("projects.{path}"));
            if known.is_none_or(|key| !key.is_built) {
                let why = if known.is_some() { "is not built yet" } else { "there is no such key" };
                self.reader.note(Problem::of_key(name, &format!("projects.{path}"), why));
            }
            let _ = value;
        }
        let insecure_http = self.flag("insecure_http", false);
        let region = self.region();
        Project {
            name: self.name(),
            project_id: self.project_id(),
            endpoint: self.endpoint(region.as_deref(), insecure_http),
            region,
            insecure_http,
            pool_names: self.flag("pool_names", true),
            auth: self.auth(),
            filter: self.filter(),
        }
    }

    fn shown(&self, path: &str) -> String {
        format!("projects[{}].{path}", self.index)
    }

    fn problem(&mut self, path: &str, text: &str) {
        let variable =
            self.variables.iter().find(|(at, known, ..)| *at == self.index && known == path);
        let origin = variable.map_or(self.origin.as_str(), |(_, _, name, _)| name);
        let problem = Problem::of_key(origin, &self.shown(path), text);
        self.reader.note(problem);
    }

    /// The value of a key: a variable's before the file's.
    fn value(&self, path: &str) -> Option<Value> {
        let variable =
            self.variables.iter().find(|(at, known, ..)| *at == self.index && known == path);
        match variable {
            Some((_, _, _, value)) => Some(Value::from(*value)),
            None => below(self.dict, path).cloned(),
        }
    }

    fn refuse(&mut self, path: &str, value: &Value) {
        let Some(key) = keys::find(&format!("projects.{path}")) else { return };
        let what = if key.is_secret { "the value (not shown)".to_owned() } else { show(value) };
        self.problem(path, &format!("{what} is not accepted. Accepted is {}", key.accepts));
    }

    /// A text, if it is given and `accepts` it.
    fn text(&mut self, path: &str, accepts: impl Fn(&str) -> bool) -> Option<String> {
        let value = self.value(path)?;
        let text = value.as_str().map(str::trim);
        let text = text.filter(|text| !text.is_empty() && accepts(text)).map(str::to_owned);
        if text.is_none() {
            self.refuse(path, &value);
        }
        text
    }

    fn required(&mut self, path: &str, accepts: impl Fn(&str) -> bool) -> String {
        if self.value(path).is_none() {
            let accepts = keys::find(&format!("projects.{path}")).map_or("", |key| key.accepts);
            self.problem(path, &format!("is missing. Accepted is {accepts}"));
        }
        self.text(path, accepts).unwrap_or_default()
    }

    fn flag(&mut self, path: &str, default: bool) -> bool {
        let Some(value) = self.value(path) else { return default };
        match (&value, value.as_str()) {
            (Value::Bool(_, yes), _) => *yes,
            (_, Some("true")) => true,
            (_, Some("false")) => false,
            _ => {
                self.refuse(path, &value);
                default
            }
        }
    }

    fn name(&mut self) -> String {
        // It labels every series and will name the file of the project's state.
        self.required("name", |name| {
            name.chars().count() <= LONGEST_NAME_CHARS
                && !name.starts_with('.')
                && name.chars().all(|c| !c.is_control() && c != '/' && c != '\\')
        })
    }

    fn project_id(&mut self) -> String {
        self.required("project_id", |id| id.len() <= 64 && id.chars().all(is_id_char))
    }

    fn region(&mut self) -> Option<String> {
        self.text("region", |region| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            region.len() <= 63 && region.chars().all(plain)
        })
    }

    fn endpoint(&mut self, region: Option<&str>, insecure_http: bool) -> Url {
        let nowhere = || Url::parse("https://invalid.invalid").expect("a valid URL");
        let (text, is_derived) = match (self.text("endpoint", |_| true), region) {
            (Some(text), _) => (text, false),
            (None, Some(region)) => (format!("https://workspace.{region}.myhuaweicloud.com"), true),
            (None, None) => {
                if self.value("endpoint").is_none() && self.value("region").is_none() {
                    self.problem("region", "is missing, and so is endpoint: give one of them");
                }
                return nowhere();
            }
        };
        let parsed = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        let Some(url) = parsed else {
            // Not shown: credentials may stand in it.
            let accepts = "a URL such as https://workspace.ap-southeast-3.myhuaweicloud.com, \
                           without user, query and fragment";
            self.problem("endpoint", &format!("is not accepted. Accepted is {accepts}"));
            return nowhere();
        };
        let is_local = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "http" && !is_local && !insecure_http && !is_derived {
            let text = format!(
                "{text:?} would send the credentials in clear text. Use https://, or set \
                 insecure_http = true"
            );
            self.problem("endpoint", &text);
        }
        url
    }

    fn auth(&mut self) -> Auth {
        let stand_in = || Auth::Token(SecretString::from(""));
        match self.value("auth.method") {
            None => {
                let text = "is missing. Accepted is token (password, aksk, ecs-agency and profile \
                            are not built yet in this version)";
                self.problem("auth.method", text);
                return stand_in();
            }
            Some(value) => match value.as_str() {
                Some("token") => {}
                Some(method @ ("password" | "aksk" | "ecs-agency" | "profile")) => {
                    let text = format!("{method:?} is not built yet in this version; use token");
                    self.problem("auth.method", &text);
                    return stand_in();
                }
                _ => {
                    self.refuse("auth.method", &value);
                    return stand_in();
                }
            },
        }
        let given: Vec<_> = ["auth.token", "auth.token_file", "auth.token_env"]
            .into_iter()
            .filter(|path| self.value(path).is_some())
            .collect();
        match given.as_slice() {
            ["auth.token"] => self.token_value(),
            ["auth.token_file"] => self.token_file(),
            ["auth.token_env"] => self.token_variable(),
            [] => {
                let text = "is missing. Give token, token_file (a path) or token_env (the name of \
                            an environment variable)";
                self.problem("auth.token", text);
                stand_in()
            }
            _ => {
                self.problem("auth.token", &format!("is given twice, by {}", given.join(" and ")));
                stand_in()
            }
        }
    }

    fn token_value(&mut self) -> Auth {
        Auth::Token(SecretString::from(self.text("auth.token", is_token).unwrap_or_default()))
    }

    fn token_file(&mut self) -> Auth {
        let path = self.text("auth.token_file", |_| true).unwrap_or_default();
        let file = PathBuf::from(&path);
        let read = std::fs::metadata(&file).and_then(|metadata| {
            if metadata.len() > LARGEST_SECRET_FILE_BYTES {
                return Err(std::io::Error::other("it is larger than 64 KiB"));
            }
            std::fs::read_to_string(&file)
        });
        match read {
            Err(error) => {
                let text =
                    format!("{path:?} cannot be read: {error}. Create it, or check its mode");
                self.problem("auth.token_file", &text);
            }
            Ok(text) if !is_token(text.trim_end_matches(['\r', '\n'])) => {
                let text = format!("{path:?} holds no token: one line of visible characters");
                self.problem("auth.token_file", &text);
            }
            Ok(_) => {}
        }
        Auth::TokenFile(file)
    }

    fn token_variable(&mut self) -> Auth {
        let name = self.text("auth.token_env", |_| true).unwrap_or_default();
        let token = self.reader.environment.get(&name).filter(|token| is_token(token)).cloned();
        if token.is_none() && !name.is_empty() {
            let text = format!("the environment variable {name:?} is not set to a token; set it");
            self.problem("auth.token_env", &text);
        }
        Auth::Token(SecretString::from(token.unwrap_or_default()))
    }

    fn filter(&mut self) -> Filter {
        Filter {
            desktop_id: self.text("filter.desktop_id", |_| true),
            desktop_names: self.desktop_names(),
            username: self.text("filter.username", |_| true),
            status: self.text("filter.status", |code| STATUSES.contains(&code)),
            record_type: self.text("filter.type", |code| TYPES.contains(&code)),
        }
    }

    fn desktop_names(&mut self) -> Vec<String> {
        let path = "filter.desktop_names";
        let Some(value) = self.value(path) else { return Vec::new() };
        let texts: Option<Vec<String>> = match &value {
            Value::Array(_, list) => {
                list.iter().map(|value| value.as_str().map(|text| text.trim().to_owned())).collect()
            }
            Value::String(_, text) => Some(text.split(',').map(|t| t.trim().to_owned()).collect()),
            _ => None,
        };
        // The API takes them between commas.
        let valid = |text: &String| !text.is_empty() && !text.contains(',');
        let texts =
            texts.filter(|texts| texts.len() <= MOST_DESKTOP_NAMES && texts.iter().all(valid));
        texts.unwrap_or_else(|| {
            self.refuse(path, &value);
            Vec::new()
        })
    }
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// What a header can carry.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

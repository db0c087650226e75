//! The sign-in methods: their keys, where the values come from, and precedence.

use records_api::secret::Source;
use screen_records_exporter::config::{Auth, Config};

use super::{File, root};

/// A project whose keys besides name and region are these.
fn project(keys: &str) -> String {
    format!("[[projects]]\nname = 'a'\nregion = 'r-1'\n{keys}\n")
}

const ID: &str = "project_id = '0123'";

/// The section `auth` as `check` prints it.
fn shown(keys: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let config = File::new(project(keys)).load(environment)?;
    let text = config.to_toml();
    let from = text.find("[projects.auth]\n").unwrap() + "[projects.auth]\n".len();
    Ok(text[from..].split("\n\n").next().unwrap().to_owned())
}

fn load(keys: &str, environment: &[(&str, &str)]) -> Config {
    File::new(project(keys)).load(environment).unwrap()
}

fn value(source: &Source) -> &str {
    let Source::Value(secret) = source else { panic!("{source:?}") };
    secret.expose()
}

/// Access key, secret key and security token.
fn keys(config: &Config) -> [&str; 3] {
    let Auth::AccessKey(keys) = &config.projects[0].auth else { panic!("{config:?}") };
    let token = keys.security_token.as_ref().map_or("-", value);
    [value(&keys.access_key), value(&keys.secret_key), token]
}

#[test]
fn check_prints_the_effective_keys_of_each_method() {
    let profile = root().join("tests/fixtures/config/profile");
    let cases = [
        ("method = 'token', token = 't'".to_owned(), "method = \"token\"\ntoken = \"<redacted>\""),
        (
            "method = 'password', domain = 'a b', username = 'ü', password = 'p'".to_owned(),
            "domain = \"a b\"\niam_endpoint = \"https://iam.r-1.myhuaweicloud.com\"\n\
             method = \"password\"\npassword = \"<redacted>\"\nusername = \"ü\"",
        ),
        (
            "method = 'aksk', access_key = 'a', secret_key = 's', security_token = 't'".to_owned(),
            "access_key = \"<redacted>\"\nmethod = \"aksk\"\nsecret_key = \"<redacted>\"\n\
             security_token = \"<redacted>\"",
        ),
        (
            "method = 'ecs-agency'".to_owned(),
            "metadata_endpoint = \"http://169.254.169.254\"\nmethod = \"ecs-agency\"",
        ),
        (
            "method = 'ecs-agency', metadata_endpoint = 'http://[::1]:80/'".to_owned(),
            "metadata_endpoint = \"http://[::1]\"\nmethod = \"ecs-agency\"",
        ),
        (
            format!("method = 'profile', profile_file = '{}'", profile.display()),
            "method = \"profile\"\nprofile_file = \"PROFILE\"",
        ),
    ];
    for (auth, expected) in cases {
        let shown = shown(&format!("{ID}\nauth = {{ {auth} }}"), &[]).unwrap();
        assert_eq!(shown.replace(profile.to_str().unwrap(), "PROFILE"), expected, "{auth}");
    }
}

#[test]
fn a_password_is_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    for password in [" p w ", "#ä'密\"\\", "0123", "a=b,c", "%&<>"] {
        std::fs::write(&file, format!("{password}\r\n")).unwrap();
        let quoted = toml::Value::from(password).to_string();
        let user = "method = 'password', domain = 'd', username = 'u'";
        let given = |key: &str, environment: &[(&str, &str)]| {
            let config = load(&format!("{ID}\nauth = {{ {user}, {key} }}"), environment);
            let Auth::Password(keys) = &config.projects[0].auth else { panic!("{config:?}") };
            keys.password.clone()
        };
        let itself = given(&format!("password = {quoted}"), &[]);
        let variable = given("password_env = 'PW'", &[("PW", password)]);
        let ours = "SCREEN_RECORDS_EXPORTER__PROJECTS__0__AUTH__PASSWORD";
        let ours = given("password = 'x'", &[(ours, password)]);
        for source in [itself, variable, ours] {
            assert_eq!(value(&source), password);
        }
        let from_file = given(&format!("password_file = '{}'", file.display()), &[]);
        assert!(matches!(from_file, Source::File(read) if read.path() == file));
    }
}

#[test]
fn an_iam_endpoint_without_tls_is_accepted_only_on_loopback_or_on_request() {
    let user = "method = 'password', domain = 'd', username = 'u', password = 'hush'";
    let load = |endpoint: &str, more: &str| {
        let auth = format!("auth = {{ {user}, iam_endpoint = '{endpoint}' }}");
        shown(&format!("{ID}\n{auth}\n{more}"), &[])
    };
    for (endpoint, more) in [
        ("http://127.0.0.1:8080", ""),
        ("http://[::1]:8080", ""),
        ("https://iam.example.org", ""),
        ("http://iam.example.org", "insecure_http = true"),
    ] {
        let shown = load(endpoint, more).unwrap();
        assert!(shown.contains(&format!("iam_endpoint = \"{endpoint}\"\n")), "{shown}");
    }
    let error = load("http://iam.example.org", "").unwrap_err();
    assert!(error.contains("auth.iam_endpoint: \"http://iam.example.org/\" would send"), "{error}");
}

const AKSK: &str = "auth = { method = 'aksk' }";

#[test]
fn access_keys_default_to_the_variables_of_the_clouds_own_tools() {
    let tools = [
        ("HUAWEICLOUD_SDK_AK", "tool-a"),
        ("HUAWEICLOUD_SDK_SK", " tool-s\n"),
        ("HUAWEICLOUD_SDK_SECURITY_TOKEN", "tool-t"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", "4567"),
    ];
    let config = load(AKSK, &tools);
    assert_eq!(keys(&config), ["tool-a", "tool-s", "tool-t"]);
    assert_eq!(config.projects[0].project_id, "4567");
    // An empty variable counts as not set.
    assert_eq!(keys(&load(AKSK, &[tools[0], tools[1], tools[3], (tools[2].0, "")]))[2], "-");
    // The config takes precedence, and the token of another key is not used.
    let pair = "auth = { method = 'aksk', access_key = 'a', secret_key = 's' }";
    let config = load(&format!("{ID}\n{pair}"), &tools);
    assert_eq!(keys(&config), ["a", "s", "-"]);
    assert_eq!(config.projects[0].project_id, "0123");
    let half = "auth = { method = 'aksk', access_key = 'a' }";
    assert_eq!(keys(&load(half, &tools)), ["a", "tool-s", "-"]);
    let ours = ("SCREEN_RECORDS_EXPORTER__PROJECTS__0__AUTH__SECRET_KEY", "our-s");
    let all = [tools[0], tools[1], tools[2], tools[3], ours];
    assert_eq!(keys(&load(AKSK, &all)), ["tool-a", "our-s", "-"]);
    let token = "auth = { method = 'aksk', security_token = 't' }";
    assert_eq!(keys(&load(token, &tools)), ["tool-a", "tool-s", "t"]);
}

#[test]
fn an_error_in_a_variable_of_the_tools_names_the_variable() {
    let pair = [("HUAWEICLOUD_SDK_AK", "hush"), ("HUAWEICLOUD_SDK_SK", "hush")];
    let visible = "the value (not shown) is not accepted. Accepted is one line of visible characters \
                   without spaces";
    let cases = [
        ("HUAWEICLOUD_SDK_SK", "hush hush", format!("projects[0].auth.secret_key: {visible}")),
        (
            "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            "hush\u{e9}",
            format!("projects[0].auth.security_token: {visible}"),
        ),
        (
            "HUAWEICLOUD_SDK_PROJECT_ID",
            "a/b",
            "projects[0].project_id: \"a/b\" is not accepted. Accepted is the project's id: 1 to 64 \
             letters, digits, - and _"
                .to_owned(),
        ),
    ];
    for (name, value, expected) in cases {
        let keys = if name.ends_with("_ID") { AKSK.to_owned() } else { format!("{ID}\n{AKSK}") };
        let error = shown(&keys, &[pair[0], pair[1], (name, value)]).unwrap_err();
        assert_eq!(error, format!("{name}: {expected}"));
    }
    let error = shown(
        &format!("{ID}\nauth = {{ method = 'profile' }}"),
        &[("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "nowhere")],
    );
    assert_eq!(
        error.unwrap_err(),
        "HUAWEICLOUD_SDK_CREDENTIALS_FILE: projects[0].auth.profile_file: the file \"nowhere\" cannot \
         be read: No such file or directory (os error 2). Create it, or set another path"
    );
}

#[test]
fn a_variable_for_any_of_the_three_keys_of_a_secret_overrides_those_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "http://of-file\n").unwrap();
    let file = file.to_str().unwrap();
    let shown = |environment: &[(&str, &str)]| {
        let name = |name: &str| format!("SCREEN_RECORDS_EXPORTER__{name}");
        let variables: Vec<_> =
            environment.iter().map(|(key, value)| (name(key), *value)).collect();
        let variables: Vec<_> =
            variables.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let api = "[api]\nproxy_url = 'http://of-config'\n";
        let auth = "auth = { method = 'aksk', access_key = 'a', secret_key = 's' }";
        let text = format!("{api}{}", project(&format!("{ID}\n{auth}")));
        File::new(text).load(&variables).unwrap().to_toml()
    };
    let text = shown(&[
        ("API__PROXY_URL_FILE", file),
        ("PROJECTS__0__AUTH__SECRET_KEY_FILE", file),
        ("PROJECTS__0__AUTH__ACCESS_KEY", "b"),
    ]);
    assert!(text.contains(&format!("proxy_url_file = \"{file}\"\n")), "{text}");
    assert!(text.contains(&format!("secret_key_file = \"{file}\"\n")), "{text}");
    assert!(text.contains("access_key = \"<redacted>\"\n") && !text.contains("proxy_url ="));
}

#[test]
fn a_profile_is_found_where_the_clouds_own_tools_look_for_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".huaweicloud");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("credentials"), "[basic]\nak = A\nsk = S\n").unwrap();
    std::fs::write(home.path().join("other"), "[basic]\nak=A\nsk=S\nproject_id=89ab\n").unwrap();
    let home = home.path().to_str().unwrap();
    let other = format!("{home}/other");
    let tools = ("HUAWEICLOUD_SDK_CREDENTIALS_FILE", other.as_str());
    let id = ("HUAWEICLOUD_SDK_PROJECT_ID", "4567");
    let found = |keys: &str, environment: &[(&str, &str)]| {
        let all: Vec<_> = environment.iter().copied().chain([("HOME", home)]).collect();
        let mut config = load(keys, &all);
        let project = config.projects.remove(0);
        let Auth::Profile(keys) = project.auth else { panic!("{:?}", project.auth) };
        let file = keys.profile_file.strip_prefix(home).unwrap().display().to_string();
        (file, project.project_id)
    };
    let default = "auth = { method = 'profile' }";
    let default_place = ".huaweicloud/credentials";
    for (keys, environment, file, project_id) in [
        (format!("{ID}\n{default}"), vec![], default_place, "0123"),
        (default.to_owned(), vec![id], default_place, "4567"),
        (default.to_owned(), vec![tools, id], "other", "89ab"),
        (format!("{ID}\n{default}"), vec![tools], "other", "0123"),
        (
            "auth = { method = 'profile', profile_file = '~/other' }".to_owned(),
            vec![],
            "other",
            "89ab",
        ),
        (
            "auth = { method = 'profile', profile_file = '~/.huaweicloud/credentials' }".to_owned(),
            vec![tools, id],
            default_place,
            "4567",
        ),
    ] {
        let expected = (file.to_owned(), project_id.to_owned());
        assert_eq!(found(&keys, &environment), expected, "{keys}");
    }
    let error = shown(default, &[("HOME", home)]).unwrap_err();
    assert!(error.ends_with("or set HUAWEICLOUD_SDK_PROJECT_ID"), "{error}");
    let nowhere = format!("{home}/nowhere");
    let error = shown(default, &[("HOME", &nowhere)]).unwrap_err();
    let file = format!("{nowhere}/.huaweicloud/credentials");
    assert_eq!(
        error,
        format!(
            "FILE: projects[0].auth.profile_file: the file {file:?} cannot be read: No such file or \
             directory (os error 2). Create it, or set another path"
        )
    );
}

#[test]
fn certificates_are_checked_when_the_config_is_read() {
    let file = root().join("tests/fixtures/config/ca.pem");
    let api = format!("[api]\nca_file = {:?}\n{}", file.display(), super::PROJECT);
    let config = File::new(api).load(&[]).unwrap();
    assert_eq!(config.api.ca_file.as_deref(), Some(file.as_path()));
    assert!(config.to_toml().contains("ca_file = "));
}

//! The documents about the config: the table of keys is complete, and what they show can be used.

use std::fmt::Write;

use records_api::profile::Profile;
use screen_records_exporter::config::{Auth, KEYS};

use super::{File, root};

/// The snippets of a language.
fn snippets<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("```{language}\n");
    page.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/authentication.md")).unwrap()
}

#[test]
fn every_config_in_the_document_about_authentication_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for name in ["access-key", "secret-key", "security-token", "password", "token"] {
        write(name, "secret\n");
    }
    write("proxy", "http://user:password@proxy.example.org:3128\n");
    write("credentials", snippets(&page(), "ini")[0]);
    let certificates = root().join("tests/fixtures/config/ca.pem");
    std::fs::copy(certificates, folder.path().join("ca.pem")).unwrap();
    let mut methods = Vec::new();
    for snippet in snippets(&page(), "toml") {
        let config =
            snippet.replace("/etc/screen-records-exporter", folder.path().to_str().unwrap());
        let tools = [("HUAWEICLOUD_SDK_AK", "a"), ("HUAWEICLOUD_SDK_SK", "s")];
        let config = File::new(config).load(&tools).unwrap_or_else(|error| {
            panic!("{error}:\n{snippet}");
        });
        methods.push(match config.projects[0].auth {
            Auth::Token(_) => "token",
            Auth::Password { .. } => "password",
            Auth::AccessKey { .. } => "aksk",
            Auth::EcsAgency { .. } => "ecs-agency",
            Auth::Profile { .. } => "profile",
        });
    }
    methods.sort_unstable();
    methods.dedup();
    assert_eq!(methods, ["aksk", "ecs-agency", "password", "profile", "token"]);
}

#[test]
fn the_profile_in_the_document_is_valid() {
    let page = page();
    let [profile] = snippets(&page, "ini")[..] else { panic!("not one profile") };
    let profile = Profile::parse(profile).unwrap();
    assert!(profile.access_key.is_some() && profile.secret_key.is_some());
    assert_eq!(profile.project_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
}

#[test]
fn the_policy_in_the_document_allows_only_the_two_actions() {
    let page = page();
    let [policy] = snippets(&page, "json")[..] else { panic!("not one policy") };
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let expected = serde_json::json!({
        "Version": "5.0",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["workspace:screenRecord:list", "workspace:desktopPools:list"],
        }],
    });
    assert_eq!(policy, expected);
}

#[test]
fn the_document_about_the_config_lists_every_key() {
    let mut table = String::from("| key | default | accepted |\n| --- | --- | --- |\n");
    for key in KEYS {
        let mut default = key.default.map_or_else(String::new, |default| format!("`{default}`"));
        if let Some(variable) = key.variable {
            let rest = if default.is_empty() { default } else { format!(", else {default}") };
            default = format!("the variable `{variable}`{rest}");
        }
        let secret =
            if key.is_secret() { "; also as `_file` (a path) or `_env` (a variable)" } else { "" };
        let method = key.method.map_or_else(String::new, |method| format!("; for `{method}`"));
        let requires =
            key.requires.map_or_else(String::new, |path| format!("; only with `{path}`"));
        let restart = if key.needs_restart { "; needs a restart" } else { "" };
        let accepts = key.accepts();
        writeln!(
            table,
            "| `{}` | {default} | {accepts}{secret}{method}{requires}{restart} |",
            key.path
        )
        .unwrap();
    }
    let page = crate::catalog::read("docs/configuration.md");
    assert_eq!(crate::catalog::part(&page, "keys"), table, "put this into the document:\n{table}");
}

//! The section `state`: a directory or a database, and what `check` shows of it.

use std::time::Duration;

use screen_records_exporter::config::{Config, StateDatabase, VARIABLE_PREFIX};

use super::{File, PROJECT, root};

const URL: &str = "postgresql://me:Zq9xQz@db.example.org/records";

fn loaded(state: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: Vec<_> =
        variables.iter().map(|(k, v)| (format!("{VARIABLE_PREFIX}STATE__{k}"), *v)).collect();
    let variables: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let loaded = File::new(format!("[state]\n{state}\n{PROJECT}")).load(&variables);
    loaded.map_err(|error| error.replace(VARIABLE_PREFIX, ".."))
}

fn database(state: &str, variables: &[(&str, &str)]) -> StateDatabase {
    let config = loaded(state, variables).unwrap_or_else(|error| panic!("{state}: {error}"));
    assert_eq!(config.state_directory(), None, "{state}");
    config.state.database.unwrap_or_else(|| panic!("{state}"))
}

fn shown(database: &StateDatabase) -> String {
    database.address().unwrap().to_string()
}

#[test]
fn a_database_has_a_lease_of_15_seconds_and_the_name_of_the_host() {
    let database = database(&format!("url = '{URL}'"), &[]);
    assert_eq!(shown(&database), "db.example.org/records");
    assert_eq!((&database.ca_file, database.insecure_tls), (&None, false));
    assert_eq!(database.lease, Duration::from_secs(15));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(database.replica, host.trim());
}

#[test]
fn every_key_of_a_database_is_read_and_shown_without_the_url() {
    let authority = root().join("tests/fixtures/config/ca.pem");
    let keys = format!(
        "url = '{URL}'\nca_file = '{}'\ninsecure_tls = true\nlease = '2s'\nreplica = 'a b'",
        authority.display()
    );
    let config = loaded(&keys, &[]).unwrap();
    let database = config.state.database.as_ref().unwrap();
    assert_eq!(database.ca_file.as_deref(), Some(authority.as_path()));
    assert_eq!((database.insecure_tls, database.replica.as_str()), (true, "a b"));
    assert_eq!(database.lease, Duration::from_secs(2));
    let effective = config.to_toml();
    let expected = format!(
        "[state]\nca_file = \"{}\"\ninsecure_tls = true\nlease = \"2s\"\nreplica = \"a b\"\n\
         url = \"<redacted>\"\n",
        authority.display()
    );
    assert!(effective.contains(&expected), "{effective}");
    assert!(!format!("{effective}{config:?}").contains("Zq9xQz"));
}

#[test]
fn the_url_comes_from_a_file_that_is_read_again_or_from_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, format!("{URL}\n")).unwrap();
    let of_file = database(&format!("url_file = {path:?}"), &[]);
    assert_eq!(shown(&of_file), "db.example.org/records");
    for (text, expected) in [
        ("postgresql://me:Zq9xQz@other.example.org/records", Ok("other.example.org/records")),
        ("postgresql://me:Zq9xQz@other.example.org", Err("it has no host, no user or no database")),
        ("postgresql://me:Zq9xQz@10.0.0.1/d?sslmode=disable", Err("to 10.0.0.1/d in clear text")),
        ("two Zq9xQz", Err("contains no URL of a database: it has a space (U+0020)")),
    ] {
        std::fs::write(&path, text).unwrap();
        match (of_file.address().map(|address| address.to_string()), expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected),
            (Err(said), Err(expected)) => {
                assert!(said.contains(expected) && !said.contains("Zq9xQz"), "{said}");
            }
            (read, expected) => panic!("{read:?}, not {expected:?}"),
        }
    }
    let environment = [("DATABASE_URL", URL)];
    let config = File::new(format!("state.url_env = 'DATABASE_URL'\n{PROJECT}")).load(&environment);
    assert_eq!(shown(&config.unwrap().state.database.unwrap()), "db.example.org/records");
    assert_eq!(shown(&database("", &[("URL", URL)])), "db.example.org/records");
}

/// The image sets the variable of the directory, so there must be a way to unset it.
#[test]
fn a_directory_beside_a_database_is_refused_unless_it_is_empty() {
    let url = format!("url = '{URL}'");
    for (directory, variables) in [
        ("", &[][..]),
        ("directory = ''", &[]),
        ("", &[("DIRECTORY", "")]),
        ("", &[("DIRECTORY", "\"\"")]),
        ("directory = 'data'", &[("DIRECTORY", "\"\"")]),
    ] {
        database(&format!("{url}\n{directory}"), variables);
    }
    let expected = "state.directory: is set, and so is state.url; remove one of them";
    for (state, variables, place) in [
        (format!("{url}\ndirectory = 'data'"), &[][..], "FILE"),
        (url, &[("DIRECTORY", "/data")], "..STATE__DIRECTORY"),
        ("directory = 'data'".to_owned(), &[("URL", URL)], "FILE"),
    ] {
        let error = loaded(&state, variables).unwrap_err();
        assert_eq!(error, format!("{place}: {expected}"));
    }
}

#[test]
fn clear_text_is_accepted_on_this_machine_or_on_demand() {
    for (url, more) in [
        ("postgresql://me@127.0.0.1/d?sslmode=disable", ""),
        ("postgresql://me@[::1]:5433,localhost/d?sslmode=disable", ""),
        ("postgresql://me@db.example.org/d?sslmode=disable", "insecure_tls = true"),
        ("postgresql://me@db.example.org/d?sslmode=require", "insecure_tls = true"),
    ] {
        database(&format!("url = '{url}'\n{more}"), &[]);
    }
}

#[test]
fn each_change_of_the_state_needs_a_restart() {
    let load = |state: &str| loaded(state, &[]).unwrap();
    let known = format!("url = '{URL}'\nreplica = 'a'");
    let config = load(&known);
    assert!(config.restart_keys_that_differ(&load(&known)).is_empty());
    for (other, expected) in [
        (known.replace("Zq9xQz", "other"), "state.url"),
        (format!("{known}\nlease = '16s'"), "state.lease"),
        (format!("{known}\ninsecure_tls = true"), "state.insecure_tls"),
        (format!("url = '{URL}'\nreplica = 'b'"), "state.replica"),
    ] {
        assert_eq!(config.restart_keys_that_differ(&load(&other)), [expected]);
    }
    let differing = config.restart_keys_that_differ(&load("directory = 'data'"));
    assert!(differing.starts_with(&["state.directory", "state.url"]), "{differing:?}");
}

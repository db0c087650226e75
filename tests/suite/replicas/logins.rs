//! URLs, passwords and certificates of the database.

use postgresql_server::ServerOptions;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::cluster::{Cluster, ClusterOptions};
use super::replica::command;
use crate::support::write;

fn single(server: ServerOptions) -> ClusterOptions {
    ClusterOptions { replicas: 0, projects: 1, server, ..ClusterOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_cannot_be_parsed_is_refused_without_showing_it() {
    let cluster = Cluster::prepare(single(ServerOptions::default())).await;
    for url in [
        "mysql://user:hunter2@127.0.0.1/db",
        "postgresql://user:hunter2@127.0.0.1:port/db",
        "postgresql://user:hunter2@127.0.0.1/db?sslmode=prefer",
        // Without TLS to another machine.
        "postgresql://user:hunter2@192.0.2.1/db?sslmode=disable",
    ] {
        let config = cluster.config("r", url, "127.0.0.1:0");
        let path = write(cluster.folder.path(), "bad.toml", &config);
        for arguments in [&["check"][..], &[]] {
            let output = command(&path).args(arguments).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{url}: {stderr}");
            assert!(stderr.contains("state.url") && !stderr.contains("hunter2"), "{stderr}");
        }
    }
    let both = cluster.config("r", &cluster.server.url(), "127.0.0.1:0");
    let both = both.replace("[state]\n", "[state]\ndirectory = \"data\"\n");
    let path = write(cluster.folder.path(), "both.toml", &both);
    let output = command(&path).arg("check").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("state.directory") && stderr.contains("state.url"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_with_a_wrong_password_serves_and_continues_once_it_is_right() {
    let password = Some("right".to_owned());
    let server = ServerOptions { password, ..ServerOptions::default() };
    let mut cluster = Cluster::prepare(single(server)).await;
    let with = |password: &str| {
        let user = format!("postgres:{password}@");
        move |config: String| config.replace("postgres@", &user)
    };
    cluster.start_another(with("right")).await;
    cluster.is_up().await;
    let number = cluster.start_another(with("hunter2")).await;
    let replica = &cluster.replicas[number];
    assert_eq!(replica.status("/-/ready").await, 503);
    let metrics = replica.metrics().await;
    assert_eq!(metrics.0.get("workspace_screen_records_up{project=\"p0\"}"), Some(&0.0));
    let log = cluster
        .eventually("the log names the refusal", async || {
            Some(replica.log()).filter(|log| log.contains("password authentication failed"))
        })
        .await;
    assert!(log.contains("127.0.0.1/postgres") && !log.contains("hunter2"), "{log}");
    cluster.server.execute("alter role postgres password 'hunter2'").await;
    cluster.is_up().await;
    assert_eq!(cluster.replicas[number].status("/-/ready").await, 200);
    for page in ["/", "/metrics"] {
        assert!(!cluster.replicas[number].text(page).await.contains("hunter2"), "{page}");
    }
}

/// Returns a certificate authority, and a certificate with its key for these names.
fn certificates(names: &[&str]) -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_is_trusted_only_if_the_config_names_it() {
    let (authority, certificate, key) = certificates(&["127.0.0.1"]);
    let server = ServerOptions { tls: Some((certificate, key)), ..ServerOptions::default() };
    let mut cluster = Cluster::prepare(single(server)).await;
    let file = write(cluster.folder.path(), "ca.pem", &authority);
    let other = write(cluster.folder.path(), "other.pem", &certificates(&["127.0.0.1"]).0);
    let encrypted = |config: String| config.replace("?sslmode=disable", "");
    let trusting = |file: &std::path::Path| {
        let key = format!("[state]\nca_file = \"{}\"\n", file.display());
        move |config: String| encrypted(config).replace("[state]\n", &key)
    };
    let trusted = cluster.start_another(trusting(&file)).await;
    cluster.is_up().await;
    let untrusted =
        [cluster.start_another(encrypted).await, cluster.start_another(trusting(&other)).await];
    for number in untrusted {
        let replica = &cluster.replicas[number];
        cluster
            .eventually("the log names the certificate", async || {
                replica.log().contains("ertificate").then_some(())
            })
            .await;
        assert_eq!(replica.status("/-/ready").await, 503);
    }
    assert_eq!(cluster.replicas[trusted].status("/-/ready").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_name_is_refused() {
    let (authority, certificate, key) = certificates(&["database.example"]);
    let server = ServerOptions { tls: Some((certificate, key)), ..ServerOptions::default() };
    let mut cluster = Cluster::prepare(single(server)).await;
    let file = write(cluster.folder.path(), "ca.pem", &authority);
    let key = format!("[state]\nca_file = \"{}\"\n", file.display());
    let change = |config: String| {
        config.replace("?sslmode=disable", "?sslmode=require").replace("[state]\n", &key)
    };
    let number = cluster.start_another(change).await;
    let replica = &cluster.replicas[number];
    cluster
        .eventually("the log names the name", async || {
            replica.log().contains("not valid for name").then_some(())
        })
        .await;
    assert_eq!(replica.status("/-/ready").await, 503);
}

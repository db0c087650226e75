//! Encrypted connections, and connections that are refused.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use postgresql_server::Server;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use state_database::{Address, Database, DatabaseError, tls_config};

use super::support::database;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Starts a server named `db.example`, whose user `alice` has the password `right` and needs TLS.
    async fn server(&self) -> Server {
        let mut server = Server::new().await;
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let user = std::os::unix::fs::MetadataExt::uid(&server.data.metadata().unwrap());
        for (name, pem) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())]
        {
            let file = server.data.join(name);
            std::fs::write(&file, pem).unwrap();
            chown(&file, Some(user), None).unwrap();
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
        }
        let rules = "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n\
                     hostssl all alice 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(server.data.join("pg_hba.conf"), rules).unwrap();
        server.configure("ssl = on");
        server.run().await;
        server
            .execute("create user alice password 'right'; grant create on schema public to alice")
            .await;
        server
    }
}

/// Connects with an address; `$` stands for the port.
async fn connect(
    server: &Server,
    address: &str,
    ca: Option<&Path>,
    is_verified: bool,
) -> Result<(), DatabaseError> {
    let address = Address::parse(&address.replace('$', &server.port.to_string())).unwrap();
    Database::new(address, tls_config(ca, is_verified).unwrap()).create_tables().await
}

const VERIFIED: &str = "postgresql://alice:right@db.example:$/postgres?hostaddr=127.0.0.1";
const OTHER_NAME: &str = "postgresql://alice:right@127.0.0.1:$/postgres";

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_the_database_is_verified() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let server = authority.server().await;
    let folder = tempfile::tempdir().unwrap();
    let (ca, other_ca, both) =
        (folder.path().join("ca"), folder.path().join("other"), folder.path().join("both"));
    std::fs::write(&ca, authority.0.pem()).unwrap();
    std::fs::write(&other_ca, other.0.pem()).unwrap();
    std::fs::write(&both, other.0.pem() + &authority.0.pem()).unwrap();

    connect(&server, VERIFIED, Some(&ca), true).await.unwrap();
    connect(&server, VERIFIED, Some(&both), true).await.unwrap();
    connect(&server, OTHER_NAME, None, false).await.unwrap();
    for (address, ca, why, remedy) in [
        (VERIFIED, None, "UnknownIssuer", "set `state.ca_file`"),
        (VERIFIED, Some(&*other_ca), "UnknownIssuer", "set `state.ca_file`"),
        (OTHER_NAME, Some(&*ca), "not valid for name", "use a name of the database"),
    ] {
        let error = connect(&server, address, ca, true).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Connect { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.remedy().contains(remedy), "{}", error.remedy());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_bound_to_the_encrypted_connection() {
    let server = Authority::new("one").server().await;
    let bound = OTHER_NAME.to_owned() + "?channel_binding=require";
    connect(&server, &bound, None, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_names_the_remedy_and_no_user() {
    let server = Authority::new("one").server().await;
    for (address, why, remedy) in [
        (
            "postgresql://alice:wrong@127.0.0.1:$/postgres",
            "password authentication failed for user USER",
            "correct the user or the password in `state.url`",
        ),
        (
            "postgresql://unknown:right@127.0.0.1:$/postgres",
            "no pg_hba.conf entry for host \"127.0.0.1\", user USER, \
             database \"postgres\", SSL encryption",
            "create the user of `state.url`, and let it log in from here with TLS (pg_hba.conf)",
        ),
        (
            "postgresql://alice:right@127.0.0.1:$/postgres?sslmode=disable",
            "no pg_hba.conf entry for host \"127.0.0.1\", user USER, \
             database \"postgres\", no encryption",
            "create the user of `state.url`, and let it log in from here with TLS (pg_hba.conf)",
        ),
        (
            "postgresql://alice:right@127.0.0.1:$/nothing",
            "database \"nothing\" does not exist",
            "create the database, or correct its name in `state.url`",
        ),
    ] {
        let error = connect(&server, address, None, false).await.unwrap_err();
        let DatabaseError::Connect { why: found, .. } = &error else { panic!("{error}") };
        assert_eq!((&**found, error.remedy()), (why, remedy));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_tls_does_not_connect_without() {
    let server = Server::start().await;
    let address = "postgresql://postgres@127.0.0.1:$/postgres";
    let error = connect(&server, address, None, false).await.unwrap_err();
    assert!(error.to_string().contains("server does not support TLS"), "{error}");
    assert!(error.remedy().contains("`ssl = on`"), "{}", error.remedy());
    // The same server, without TLS, on this machine.
    database(server.port).create_tables().await.unwrap();
}

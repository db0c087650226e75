//! Client certificates.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};

use super::{Guarded, TLS};
use crate::support::write;

/// Certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Certificate with its key and the authority that signed it.
pub(crate) struct Certified {
    certificate: String,
    key: String,
    authority: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // With equal names, a certificate of the other authority would fail only at its signature.
        let key = KeyPair::generate().unwrap();
        let name = format!("authority {:?}", &key.public_key_raw()[..8]);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn certify(&self, names: Vec<SanType>) -> Certified {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            authority: self.0.pem(),
        }
    }

    /// Creates a certificate for a server on loopback.
    pub(crate) fn server(&self) -> Certified {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.certify(vec![dns("localhost"), SanType::IpAddress(address)])
    }
}

impl Certified {
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        write(folder, &format!("{name}.crt"), &self.certificate);
        write(folder, &format!("{name}.key"), &self.key);
        write(folder, &format!("{name}-ca.crt"), &self.authority);
    }

    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// Writes client certificates: of the configured authority with various names, and of another one.
fn write_clients(folder: &Path) {
    let (ours, others) = (Authority::new(), Authority::new());
    ours.certify(vec![dns("client.example.org")]).write(folder, "ours");
    others.certify(vec![dns("client.example.org")]).write(folder, "others");
    let uri = SanType::URI("spiffe://example.org/prometheus".try_into().unwrap());
    ours.certify(vec![uri]).write(folder, "uri");
    let address = SanType::IpAddress("192.0.2.7".parse().unwrap());
    ours.certify(vec![address]).write(folder, "address");
    ours.certify(vec![dns("nobody.example.org")]).write(folder, "nobody");
    ours.certify(vec![]).write(folder, "nameless");
}

async fn started(more: &str) -> Guarded {
    Guarded::start(&format!("{TLS}{more}"), write_clients).await
}

/// Returns the status that a client with this certificate gets; 0 if there is no answer.
fn status(guarded: &Guarded, client: Option<&str>) -> u16 {
    let files = client.map(|name| [format!("{name}.crt"), format!("{name}.key")]);
    let arguments = match &files {
        Some([certificate, key]) => vec!["--cert", certificate.as_str(), "--key", key],
        None => vec![],
    };
    let of_newest = guarded.https("/-/healthy", &arguments).status;
    let of_older = guarded.https("/-/healthy", &[&["--tls-max", "1.2"], &arguments[..]].concat());
    assert_eq!(of_newest, of_older.status, "TLS 1.2 and 1.3 differ");
    of_newest
}

#[tokio::test]
async fn each_client_auth_type_accepts_the_right_clients() {
    let authority = "  client_ca_file: ours-ca.crt\n";
    for (client_auth, authority, without, ours, others) in [
        ("NoClientCert", "", 200, 200, 200),
        ("RequestClientCert", "", 200, 200, 200),
        ("RequireAnyClientCert", "", 0, 200, 200),
        ("RequireClientCert", "", 0, 200, 200),
        ("VerifyClientCertIfGiven", authority, 200, 200, 0),
        ("RequireAndVerifyClientCert", authority, 0, 200, 0),
    ] {
        let guarded = started(&format!("  client_auth_type: {client_auth}\n{authority}")).await;
        let statuses = [None, Some("ours"), Some("others")].map(|name| status(&guarded, name));
        assert_eq!(statuses, [without, ours, others], "{client_auth}");
    }
}

#[tokio::test]
async fn a_client_needs_one_of_the_allowed_names() {
    let guarded = started(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ours-ca.crt\n  \
         client_allowed_sans:\n  - client.example.org\n  - spiffe://example.org/prometheus\n  - \
         192.0.2.7\n",
    )
    .await;
    for (client, expected) in [
        (Some("ours"), 200),
        (Some("uri"), 200),
        (Some("address"), 200),
        (Some("nobody"), 0),
        (Some("nameless"), 0),
        // The name is allowed, but the authority is not trusted.
        (Some("others"), 0),
        (None, 0),
    ] {
        assert_eq!(status(&guarded, client), expected, "{client:?}");
    }
}

#[tokio::test]
async fn certificate_key_and_authority_may_be_inline() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (server, client) = (authority.server(), clients.certify(vec![dns("c")]));
    let indented = |text: &str| format!("    {}\n", text.trim_end().replace('\n', "\n    "));
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_ca: |\n{}  client_auth_type: \
         RequireAndVerifyClientCert\n",
        indented(server.certificate()),
        indented(server.key()),
        indented(&client.authority),
    );
    let guarded = Guarded::start(&text, |folder| {
        server.write(folder, "server");
        client.write(folder, "client");
    });
    let guarded = guarded.await;
    assert_eq!(status(&guarded, Some("client")), 200);
    assert_eq!(status(&guarded, None), 0);
}

//! The certificate authorities of `api.ca_file` follow the content of the file at a reload.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Exporter, Process, TOKEN, binary, client, folder, write};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Starts an API without records whose certificate this authority signed. Returns its URL.
    async fn api(&self) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let certificate = CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let (mut head, body) = (Vec::new(), r#"{"total_count":0,"screen_records":[]}"#);
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            let length = body.len();
                            let text = format!(
                                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
                            );
                            let _ = stream.write_all(text.as_bytes()).await;
                            head.clear();
                        }
                    }
                });
            }
        });
        url
    }
}

fn config(url: &str, ca_file: &Path, more: &str) -> String {
    let ca_file = ca_file.display();
    format!(
        "[poll]\nmin_interval = '40m'\n[api]\nmax_retries = 0\nca_file = '{ca_file}'\n{more}\n\
         [[projects]]\nname = 'p'\nproject_id = '0123abcd'\nendpoint = '{url}'\npool_names = false\n\
         auth = {{ method = 'token', token = '{TOKEN}' }}\n"
    )
}

async fn reload(exporter: &Exporter) -> (u16, String) {
    let answer = client().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn is_up_within_seconds(exporter: &Exporter) -> bool {
    for _ in 0..50 {
        if exporter.metrics().await.get(UP) == 1.0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_reads_the_file_of_authorities_again() {
    let (first, second, third) =
        (Authority::new("first"), Authority::new("second"), Authority::new("third"));
    let url = second.api().await;
    let folder = folder();
    let ca_file = write(folder.path(), "ca.pem", &first.0.pem());
    let file = write(folder.path(), "config.toml", &config(&url, &ca_file, ""));
    let mut command = binary();
    command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&file);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let failed = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
    exporter.scraped_until(failed, 1.0).await;
    // A file that cannot be used is refused with the reason, and changes nothing.
    let damaged = second.0.pem().replacen("MII", "MIX", 1);
    for (content, why) in [("", "contains no certificate"), (damaged.as_str(), "is damaged at its")]
    {
        std::fs::write(&ca_file, content).unwrap();
        let (status, text) = reload(&exporter).await;
        assert!(status == 500 && text.contains("api.ca_file") && text.contains(why), "{text}");
    }
    // Only the content differs.
    std::fs::write(&ca_file, third.0.pem() + &second.0.pem()).unwrap();
    assert_eq!(reload(&exporter).await.0, 200);
    assert!(is_up_within_seconds(&exporter).await, "{}", exporter.process.stderr());
    // Without the authority no new connection is made.
    std::fs::write(&ca_file, third.0.pem()).unwrap();
    assert_eq!(reload(&exporter).await.0, 200);
    write(folder.path(), "config.toml", &config(&url, &ca_file, "page_size = 10"));
    let quick = std::fs::read_to_string(&file).unwrap().replace("'40m'", "'0s'");
    std::fs::write(&file, quick).unwrap();
    assert_eq!(reload(&exporter).await.0, 200);
    exporter.scraped_until(UP, 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_reads_the_authorities_of_the_system_again() {
    let authority = Authority::new("of the system");
    let url = authority.api().await;
    let folder = folder();
    let system = write(folder.path(), "system.pem", &Authority::new("another").0.pem());
    let text = config(&url, Path::new("x"), "").replace("ca_file = 'x'\n", "");
    let file = write(folder.path(), "config.toml", &text);
    let mut command = binary();
    command.env("SSL_CERT_FILE", &system);
    command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&file);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let failed = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
    exporter.scraped_until(failed, 1.0).await;
    std::fs::write(&system, authority.0.pem()).unwrap();
    assert_eq!(reload(&exporter).await.0, 200);
    assert!(is_up_within_seconds(&exporter).await, "{}", exporter.process.stderr());
}

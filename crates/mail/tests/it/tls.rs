//! TLS to the mail server, with trusted and untrusted certificates.
//!
//! The trusted authorities come from the environment, as for an operator. So the test runs itself
//! again as a child process with its own `SSL_CERT_FILE`.

use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use recto_mail::SendError;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::block_on;
use crate::support::messages::any_message;
use crate::support::smtp_server::{SmtpServer, Tls};

const CERTIFICATES: &str = "SSL_CERT_FILE";
const IS_CHILD: &str = "RECTO_TEST_TLS";

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Returns the configuration of a server with a certificate for that name.
    fn certify(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// Sends a message and returns the reason if that fails.
async fn send(url: &str) -> Result<(), String> {
    crate::support::send(url, any_message()).await.map_err(|error| match error {
        SendError::Temporary(reason) => reason,
        // A certificate may be corrected, so the mail must be retried.
        SendError::Permanent(reason) => panic!("permanent failure: {reason}"),
    })
}

#[test]
fn tls_requires_a_trusted_certificate() {
    let trusted = Authority::new("trusted");
    if std::env::var_os(IS_CHILD).is_none() {
        let directory = tempfile::tempdir().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", std::thread::current().name().unwrap(), "--nocapture"])
            .env(IS_CHILD, "1")
            .env(CERTIFICATES, directory.path().join("authority.pem"))
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&child.stdout);
        let stderr = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
        return;
    }
    std::fs::write(std::env::var_os(CERTIFICATES).unwrap(), &trusted.pem).unwrap();
    block_on(async {
        assert_trusted_servers_get_mail(&trusted).await;
        assert_other_servers_get_none(&trusted).await;
    });
}

async fn assert_trusted_servers_get_mail(trusted: &Authority) {
    let config = trusted.certify("localhost");
    let always = SmtpServer::start_with_login(Tls::Always(config)).await;
    let url = format!("smtps://ada:pass%20word@localhost:{}", always.port());
    send(&url).await.unwrap();
    let received = always.received();
    assert!(received[0].tls);
    assert_eq!(received[0].login, Some(("ada".to_owned(), "pass word".to_owned())));

    let offered = SmtpServer::start(Tls::Offered(trusted.certify("localhost"))).await;
    for tls in ["required", "opportunistic"] {
        send(&format!("smtp://localhost:{}?tls={tls}", offered.port())).await.unwrap();
    }
    assert!(offered.received().iter().all(|message| message.tls));
    assert_eq!(offered.received().len(), 2);

    let config = trusted.certify("localhost");
    let offered = SmtpServer::start_with_login(Tls::Offered(config)).await;
    let url = format!("smtp://ada:hunter2@localhost:{}?tls=required", offered.port());
    send(&url).await.unwrap();
    assert_eq!(offered.received()[0].login, Some(("ada".to_owned(), "hunter2".to_owned())));
}

async fn assert_other_servers_get_none(trusted: &Authority) {
    let untrusted = Authority::new("untrusted");
    for (config, complaint) in [
        (trusted.certify("mail.example.org"), "not valid for name"),
        (untrusted.certify("localhost"), "UnknownIssuer"),
    ] {
        let always = SmtpServer::start(Tls::Always(config.clone())).await;
        let offered = SmtpServer::start(Tls::Offered(config)).await;
        for url in [
            format!("smtps://localhost:{}", always.port()),
            format!("smtp://localhost:{}?tls=required", offered.port()),
            format!("smtp://localhost:{}?tls=opportunistic", offered.port()),
        ] {
            let reason = send(&url).await.unwrap_err();
            assert!(reason.contains(complaint), "{url}: {reason}");
        }
        assert!(always.received().is_empty() && offered.received().is_empty());
    }
    // An attacker between the two may remove the offer of STARTTLS.
    let plain = SmtpServer::start(Tls::Never).await;
    send(&format!("smtp://localhost:{}?tls=required", plain.port())).await.unwrap_err();
    send(&format!("smtps://localhost:{}", plain.port())).await.unwrap_err();
    assert!(plain.received().is_empty());
}

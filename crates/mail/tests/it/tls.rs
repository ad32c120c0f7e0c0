//! TLS to the mail server: against an authority that the system trusts, and against others.
//!
//! Which authorities are trusted is the environment's to say, as an operator would. So the test
//! runs itself again, as a program whose `SSL_CERT_FILE` is its own.

use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use recto_mail::SendError;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::smtp_server::{SmtpServer, Tls};
use super::{in_runtime, message};

const FILE: &str = "SSL_CERT_FILE";
const AGAIN: &str = "RECTO_TEST_TLS";

/// Somebody who signs certificates.
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

    /// A server's TLS, with a certificate for that name.
    fn certify(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// Sends a message; gives why it was not taken.
async fn send(url: &str) -> Result<(), String> {
    super::send(url, message()).await.map_err(|error| match error {
        SendError::Later(reason) => reason,
        // Somebody may put a certificate right.
        SendError::Refused(reason) => panic!("refused for good: {reason}"),
    })
}

#[test]
fn mail_travels_by_tls_to_whom_a_trusted_authority_knows() {
    let ours = Authority::new("ours");
    if std::env::var_os(AGAIN).is_none() {
        let directory = tempfile::tempdir().unwrap();
        let again = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", std::thread::current().name().unwrap(), "--nocapture"])
            .env(AGAIN, "1")
            .env(FILE, directory.path().join("authority.pem"))
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&again.stdout);
        let why = String::from_utf8_lossy(&again.stderr);
        assert!(again.status.success() && told.contains("1 passed"), "{told}\n{why}");
        return;
    }
    std::fs::write(std::env::var_os(FILE).unwrap(), &ours.pem).unwrap();
    in_runtime(async {
        taken(&ours).await;
        refused(&ours).await;
    });
}

async fn taken(ours: &Authority) {
    let always = SmtpServer::start_for_members(Tls::Always(ours.certify("localhost"))).await;
    let url = format!("smtps://ada:pass%20word@localhost:{}", always.port());
    send(&url).await.unwrap();
    let received = always.received();
    assert!(received[0].tls);
    assert_eq!(received[0].login, Some(("ada".to_owned(), "pass word".to_owned())));

    let offered = SmtpServer::start(Tls::Offered(ours.certify("localhost"))).await;
    for tls in ["required", "opportunistic"] {
        send(&format!("smtp://localhost:{}?tls={tls}", offered.port())).await.unwrap();
    }
    assert!(offered.received().iter().all(|message| message.tls));
    assert_eq!(offered.received().len(), 2);

    let offered = SmtpServer::start_for_members(Tls::Offered(ours.certify("localhost"))).await;
    let url = format!("smtp://ada:hunter2@localhost:{}?tls=required", offered.port());
    send(&url).await.unwrap();
    assert_eq!(offered.received()[0].login, Some(("ada".to_owned(), "hunter2".to_owned())));
}

async fn refused(ours: &Authority) {
    let stranger = Authority::new("a stranger");
    for (config, complaint) in [
        (ours.certify("mail.example.org"), "not valid for name"),
        (stranger.certify("localhost"), "UnknownIssuer"),
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
    // Somebody on the way may have taken the offer out.
    let plain = SmtpServer::start(Tls::Never).await;
    send(&format!("smtp://localhost:{}?tls=required", plain.port())).await.unwrap_err();
    send(&format!("smtps://localhost:{}", plain.port())).await.unwrap_err();
    assert!(plain.received().is_empty());
}

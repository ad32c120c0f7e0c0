//! The SMTP transport, without TLS.

use recto_domain::MailKind;
use recto_mail::SendError;

use crate::support::messages::{any_message, assert_content, compose, token};
use crate::support::smtp_server::{SmtpServer, Tls, Verdict};
use crate::support::{block_on, send, unused_port};

#[test]
fn message_arrives_unchanged() {
    block_on(async {
        let server = SmtpServer::start(Tls::Never).await;
        for kind in MailKind::ALL {
            send(&server.url(), compose(kind, "ada")).await.unwrap();
            let received = server.received().pop().unwrap();
            assert_eq!(received.from, "recto@books.example.org");
            assert_eq!(received.to, ["ada@example.net"]);
            assert!(!received.tls);
            assert_content(&received.content, kind, "ada");
        }
    });
}

#[test]
fn reply_code_decides_about_retry() {
    block_on(async {
        let server = SmtpServer::start(Tls::Never).await;
        for (verdict, is_permanent) in [
            (Verdict::RefuseRecipient(450), false),
            (Verdict::RefuseRecipient(550), true),
            (Verdict::RefuseRecipient(530), false),
            (Verdict::RefuseContent(451), false),
            (Verdict::RefuseContent(554), true),
        ] {
            server.set_verdict(verdict);
            let error = send(&server.url(), any_message()).await.unwrap_err();
            let is_final = matches!(error, SendError::Permanent(_));
            assert_eq!(is_final, is_permanent, "{verdict:?}: {error}");
            assert!(!error.to_string().contains(token().expose()), "{error}");
        }
        assert!(server.received().is_empty());
        let unreachable = format!("smtp://localhost:{}", unused_port());
        assert!(matches!(send(&unreachable, any_message()).await, Err(SendError::Temporary(_))));
    });
}

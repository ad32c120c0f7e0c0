//! Secrets are sent everywhere, and must be neither in the log, nor in the audit, nor in `Debug`.

use std::io;
use std::sync::{Mutex, Once};

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{SECRET, TestServer};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::accounts::{create_account, request_token};
use crate::support::assertions::{Expect as _, all_items, text};
use crate::support::mailbox::wait_for_mail;

const PASSWORD: &str = "canary sings at night";
const WRONG: &str = "canary that never was";
const OTHER: &str = "canary of the morning";

/// The log since [`capture_log`] was called, of all tests.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to capture the log, of other crates from `debug` on.
fn capture_log() {
    static CAPTURE: Once = Once::new();
    CAPTURE.call_once(|| {
        // The target is a prefix: this enables all crates of Recto.
        let filter = "debug,recto=trace";
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| LogWriter)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
    });
}

fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// Uses an account in every way that involves a secret, and returns the secrets.
fn use_all_secrets(server: &TestServer) -> Vec<String> {
    let anonymous = server.anonymous();
    let post = |path: &str, body: Value| anonymous.post(path, &body);
    let login = |password: &str| {
        post("/auth/login", json!({"email": "ada@example.org", "password": password}))
    };
    let mut secrets = vec![PASSWORD.to_owned(), WRONG.to_owned(), OTHER.to_owned()];
    let new = json!({"username": "ada", "email": "ada@example.org", "password": PASSWORD});
    post("/auth/signup", new.clone()).expect_status(201);
    post("/auth/signup", new).expect_problem("username-taken");
    let verification = wait_for_mail(server, "ada@example.org", 1);
    let token = verification.token();
    post("/auth/verify", json!({"token": token, "password": WRONG}))
        .expect_problem("wrong-password");
    let verify = json!({"token": token, "password": PASSWORD});
    post("/auth/verify", verify.clone()).expect_status(200);
    post("/auth/verify", verify).expect_problem("not-found");
    login(WRONG).expect_problem("wrong-credentials");
    let session = login(PASSWORD).expect_status(200).clone();
    let mut collect = |session: &Value| {
        secrets
            .extend(["access_token", "refresh_token"].map(|name| text(session, name).to_owned()));
    };
    collect(&session);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let renewed = post("/auth/refresh", refresh.clone()).expect_status(200).clone();
    collect(&renewed);
    let retried = post("/auth/refresh", refresh.clone()).expect_status(200).clone();
    collect(&retried);
    post("/auth/refresh", refresh).expect_problem("unauthenticated");

    let session = login(PASSWORD).expect_status(200).clone();
    collect(&session);
    let ada = server.bearer(text(&session, "access_token"));
    let key = ada.post("/auth/keys", &json!({"name": "nightly", "scopes": ["read"]}));
    let key = text(key.expect_status(201), "key").to_owned();
    server.bearer(&key).get("/auth/me").expect_status(200);
    server.bearer(&key).post("/books", &json!({})).expect_problem("forbidden");
    let change = |current: &str| json!({"current_password": current, "new_password": OTHER});
    ada.put("/auth/password", &change(WRONG)).expect_problem("wrong-password");
    ada.put("/auth/password", &change(PASSWORD)).expect_status(204);
    let asked = post("/auth/password-reset-request", json!({"email": "ada@example.org"}));
    assert_eq!(asked.status, 202);
    // After the notices of the key and of the new password.
    let reset = wait_for_mail(server, "ada@example.org", 4);
    let confirm = json!({
        "token": reset.token(), "new_password": PASSWORD, "confirm_new_password": PASSWORD,
    });
    post("/auth/password-reset-confirm", confirm).expect_status(204);
    secrets.extend([key, verification.token(), reset.token()]);
    // The lines of the mails.
    for mail in [&verification, &reset] {
        let lines = mail.text.lines().map(str::trim).filter(|line| line.len() > 20);
        secrets.extend(lines.map(str::to_owned));
    }
    secrets
}

/// Sends secrets in malformed requests, and while the database fails.
fn send_secrets_in_errors(server: &TestServer) {
    let anonymous = server.anonymous();
    let json_body = [("content-type", "application/json")];
    let broken = format!("{{\"email\": \"ada@example.org\", \"password\": \"{WRONG}\"");
    anonymous
        .send("POST", "/auth/login", &json_body, Some(broken.as_bytes()))
        .expect_problem("malformed-json");
    let wrong = json!({"email": "ada@example.org", "password": [WRONG], "canary_field": WRONG});
    anonymous.post("/auth/login", &wrong).expect_problem("invalid-body");
    for value in [format!("Bearer {WRONG}"), format!("Basic {WRONG}"), WRONG.to_owned()] {
        anonymous
            .send("GET", "/auth/me", &[("authorization", &value)], None)
            .expect_problem("unauthenticated");
    }
    let query = format!("/auth/verify?token={}", WRONG.replace(' ', "+"));
    let verify = json!({"token": WRONG, "password": WRONG});
    anonymous.post(&query, &verify).expect_problem("invalid-parameter");
    let form = format!("grant_type=password&username=ada&password={}", WRONG.replace(' ', "+"));
    request_token(server, &form).expect_problem("invalid-grant");
    server.database().execute("ALTER TABLE mails RENAME TO lost").unwrap();
    let new = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD});
    anonymous.post("/auth/signup", &new).expect_problem("internal");
    server.database().execute("ALTER TABLE lost RENAME TO mails").unwrap();
}

fn log_and_audit_contain_no_secrets(server: &TestServer) {
    capture_log();
    let admin = create_account(server, "root", Role::Admin);
    let mut secrets = use_all_secrets(server);
    send_secrets_in_errors(server);
    secrets.extend(["canary".to_owned(), "$argon2id$".to_owned()]);
    secrets.push(String::from_utf8(SECRET.to_vec()).unwrap());
    let entries = all_items(&admin, "/audit?limit=100");
    assert!(entries.len() > 10, "{entries:?}");
    let settings = TestServer::settings();
    let visible = format!("{settings:?} {}", Value::from(entries));
    let log = log();
    for expected in ["sign-in.failed", "/api/v1/auth/login", "wrote a mail", "cause="] {
        assert!(log.contains(expected), "the log is not captured: {expected}");
    }
    for secret in &secrets {
        for (place, text) in [("the log", &log), ("the audit", &visible)] {
            if let Some(at) = text.find(secret.as_str()) {
                let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
                panic!("{secret:?} is in {place}: {}", &text[line..at]);
            }
        }
    }
}

both_servers!(log_and_audit_contain_no_secrets);

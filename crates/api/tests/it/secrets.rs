//! Nothing secret is told: canaries are planted, and looked for in the log, the audit and what
//! `Debug` shows.

use std::io;
use std::sync::{Mutex, Once};

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{SECRET, TestServer};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::accounts::create_account;
use crate::support::assertions::{Expect as _, all_items, text};
use crate::support::mailbox::wait_for_mail;

const PASSWORD: &str = "canary sings at night";
const WRONG: &str = "canary that never was";
const ANOTHER: &str = "canary of the morning";

/// What has been logged since the first canary was planted, by whatever test.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything of ours is logged from here on, and what others think worth a `debug`.
fn listen() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let filter = "debug,recto=trace,recto_api=trace,recto_persistence=trace,recto_domain=trace";
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Log)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    });
}

fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// Whoever goes through all that takes a secret, and every secret there was.
fn secrets_of_a_life(server: &TestServer) -> Vec<String> {
    let anonymous = server.anonymous();
    let post = |path: &str, body: Value| anonymous.post(path, &body);
    let login = |password: &str| {
        post("/auth/login", json!({"email": "ada@example.org", "password": password}))
    };
    let mut secrets = vec![PASSWORD.to_owned(), WRONG.to_owned(), ANOTHER.to_owned()];
    let new = json!({"username": "ada", "email": "ada@example.org", "password": PASSWORD});
    post("/auth/signup", new.clone()).expect_status(201);
    post("/auth/signup", new).expect_problem("username-taken");
    let verification = wait_for_mail(server, "ada@example.org", 1);
    let verify = json!({"token": verification.token()});
    post("/auth/verify", verify.clone()).expect_status(200);
    post("/auth/verify", verify).expect_problem("not-found");
    login(WRONG).expect_problem("wrong-credentials");
    let session = login(PASSWORD).expect_status(200).clone();
    let mut keep = |session: &Value| {
        secrets
            .extend(["access_token", "refresh_token"].map(|name| text(session, name).to_owned()));
    };
    keep(&session);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let renewed = post("/auth/refresh", refresh.clone()).expect_status(200).clone();
    keep(&renewed);
    let spared = post("/auth/refresh", refresh.clone()).expect_status(200).clone();
    keep(&spared);
    post("/auth/refresh", refresh).expect_problem("unauthenticated");

    let session = login(PASSWORD).expect_status(200).clone();
    keep(&session);
    let ada = server.bearer(text(&session, "access_token"));
    let key = ada.post("/auth/keys", &json!({"name": "nightly", "scopes": ["read"]}));
    let key = text(key.expect_status(201), "key").to_owned();
    server.bearer(&key).get("/auth/me").expect_status(200);
    server.bearer(&key).post("/books", &json!({})).expect_problem("forbidden");
    let change = |current: &str| json!({"current_password": current, "new_password": ANOTHER});
    ada.put("/auth/password", &change(WRONG)).expect_problem("wrong-password");
    ada.put("/auth/password", &change(PASSWORD)).expect_status(204);
    let asked = post("/auth/password-reset-request", json!({"email": "ada@example.org"}));
    assert_eq!(asked.status, 202);
    let reset = wait_for_mail(server, "ada@example.org", 3);
    let confirm = json!({
        "token": reset.token(), "new_password": PASSWORD, "confirm_new_password": PASSWORD,
    });
    post("/auth/password-reset-confirm", confirm).expect_status(204);
    secrets.extend([key, verification.token(), reset.token()]);
    // The letters themselves, line by line.
    for mail in [&verification, &reset] {
        let lines = mail.text.lines().map(str::trim).filter(|line| line.len() > 20);
        secrets.extend(lines.map(str::to_owned));
    }
    secrets
}

/// What was never meant to be: broken bodies, tokens where they do not belong, a failing database.
fn mishaps(server: &TestServer) {
    let anonymous = server.anonymous();
    let json_body = [("content-type", "application/json")];
    let broken = format!("{{\"email\": \"ada@example.org\", \"password\": \"{WRONG}\"");
    anonymous
        .send("POST", "/auth/login", &json_body, Some(broken.as_bytes()))
        .expect_problem("malformed-json");
    let wrong =
        json!({"email": "ada@example.org", "password": [WRONG], "canary_of_a_member": WRONG});
    anonymous.post("/auth/login", &wrong).expect_problem("invalid-body");
    for value in [format!("Bearer {WRONG}"), format!("Basic {WRONG}"), WRONG.to_owned()] {
        anonymous
            .send("GET", "/auth/me", &[("authorization", &value)], None)
            .expect_problem("unauthenticated");
    }
    let query = format!("/auth/verify?token={}", WRONG.replace(' ', "+"));
    anonymous.post(&query, &json!({"token": WRONG})).expect_problem("invalid-parameter");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=password&username=ada&password={}", WRONG.replace(' ', "+"));
    anonymous
        .send("POST", "/auth/token", &form, Some(body.as_bytes()))
        .expect_problem("invalid-grant");
    server.database().execute("ALTER TABLE mails RENAME TO lost").unwrap();
    let new = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD});
    anonymous.post("/auth/signup", &new).expect_problem("internal");
    server.database().execute("ALTER TABLE lost RENAME TO mails").unwrap();
}

fn nothing_secret_is_in_the_log_nor_in_the_audit(server: &TestServer) {
    listen();
    let admin = create_account(server, "root", Role::Admin);
    let mut secrets = secrets_of_a_life(server);
    mishaps(server);
    secrets.extend(["canary".to_owned(), "$argon2id$".to_owned()]);
    secrets.push(String::from_utf8(SECRET.to_vec()).unwrap());
    let entries = all_items(&admin, "/audit?limit=100");
    assert!(entries.len() > 10, "{entries:?}");
    let settings = TestServer::settings();
    let shown = format!("{settings:?} {}", Value::from(entries));
    let log = log();
    for told in ["sign-in.failed", "/api/v1/auth/login", "wrote a mail", "cause="] {
        assert!(log.contains(told), "nobody listens: {told}");
    }
    for secret in &secrets {
        for (place, told) in [("the log", &log), ("the audit", &shown)] {
            if let Some(at) = told.find(secret.as_str()) {
                let line = told[..at].rfind('\n').map_or(0, |start| start + 1);
                panic!("{secret:?} is in {place}: {}", &told[line..at]);
            }
        }
    }
}

both_servers!(nothing_secret_is_in_the_log_nor_in_the_audit);

//! Requests about an address send the same statements whether or not it has an account.
//!
//! The application runs without its background tasks, so that all statements are those of the
//! requests.

use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service};
use actix_web::web::Data;
use recto_api::{BASE_PATH, Settings, State, app};
use recto_domain::{Account, Email, IdGenerator as _, Password, Role, User, Username};
use recto_identity::password::Hasher;
use recto_identity::throttle::Limits;
use recto_persistence::identity::account;
use recto_persistence::{Connection, Error, SystemIds};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::server::{PASSWORD, TestServer};
use recto_testkit::statements::StatementRecorder;
use serde_json::{Value, json};

use crate::support::assertions::text;
use crate::support::limits::hourly;

const NAMES: [&str; 4] = ["unknown", "unverified", "verified", "disabled"];

fn address(name: &str) -> String {
    format!("{name}@example.org")
}

/// Creates the accounts, but for the first name.
fn create_accounts(conn: &mut Connection) -> Result<(), Error> {
    let hash = Hasher::default().hash_blocking(&Password::parse(PASSWORD).unwrap()).unwrap();
    for name in &NAMES[1..] {
        let user = User::new(SystemIds.new_id(), Username::parse(name).unwrap(), None, None);
        let email = Email::parse(&address(name)).unwrap();
        let mut account = Account::new(user.uid, email, Role::User);
        account.verified = *name != "unverified";
        account.disabled = *name == "disabled";
        account::create(conn, user, &account, &hash)?;
    }
    Ok(())
}

/// Sends a request for each name, twice, and returns the status and the statements of each.
/// A request is made of the address and the access token of a session.
fn observe(
    database: &FreshDatabase,
    path: &str,
    request: impl Fn(&str, &str) -> TestRequest,
) -> Vec<(StatusCode, Vec<String>)> {
    create_accounts(&mut database.connection()).unwrap();
    let recorder = StatementRecorder::of(database);
    // One mail, so that the budget of each mailbox is used up.
    let limits = Limits { mailbox: Some(hourly(1)), ..Limits::none() };
    let settings = Settings { limits, ..TestServer::settings() };
    let state = State::new(database.open(), &settings).unwrap();
    System::new().block_on(async {
        let app = init_service(app(Data::new(state))).await;
        let login = post(&json!({"email": address("verified"), "password": PASSWORD}));
        let login = login.uri(&format!("{BASE_PATH}/auth/login")).to_request();
        let session: Value = call_and_read_body_json(&app, login).await;
        recorder.take();
        let mut observed = Vec::new();
        for name in NAMES.iter().chain(&NAMES) {
            let uri = format!("{BASE_PATH}{path}");
            let request = request(&address(name), text(&session, "access_token"));
            let request = request.uri(&uri).to_request();
            let status = call_service(&app, request).await.status();
            let mut statements = recorder.take();
            statements.retain(|sql| !sets_up_connection(sql));
            observed.push((status, statements));
        }
        observed
    })
}

/// Returns whether a statement belongs to a connection that has just been opened.
fn sets_up_connection(sql: &str) -> bool {
    sql.starts_with("PRAGMA ")
        || sql.starts_with("SET ")
        || sql.contains("pragma_")
        || sql.contains("current_setting")
}

/// Asserts that all requests had a status and the same statements, one of which contains a text.
#[track_caller]
fn assert_same(observed: &[(StatusCode, Vec<String>)], status: u16, statement: &str) {
    assert_eq!(observed.len(), 2 * NAMES.len());
    let (_, first) = &observed[0];
    assert!(first.iter().any(|sql| sql.contains(statement)), "{first:#?}");
    for (index, (answered, statements)) in observed.iter().enumerate() {
        let name = NAMES[index % NAMES.len()];
        assert_eq!(answered.as_u16(), status, "{name}");
        assert_eq!(statements, first, "{name}");
    }
}

fn post(body: &Value) -> TestRequest {
    TestRequest::post().set_json(body)
}

fn reset_request_statements_are_equal(database: &FreshDatabase) {
    let path = "/auth/password-reset-request";
    let observed = observe(database, path, |email, _| post(&json!({"email": email})));
    assert_same(&observed, 202, "mail_requests");
}

fn verification_request_statements_are_equal(database: &FreshDatabase) {
    let path = "/auth/verify-request";
    let observed = observe(database, path, |email, _| post(&json!({"email": email})));
    assert_same(&observed, 202, "mail_requests");
}

fn failed_login_statements_are_equal(database: &FreshDatabase) {
    let wrong =
        |email: &str, _: &str| post(&json!({"email": email, "password": "not the password"}));
    let observed = observe(database, "/auth/login", wrong);
    assert_same(&observed, 401, "accounts");
}

fn failed_password_grant_statements_are_equal(database: &FreshDatabase) {
    let wrong = |email: &str, _: &str| {
        TestRequest::post().set_form([
            ("grant_type", "password"),
            ("username", email),
            ("password", "not the password"),
        ])
    };
    let observed = observe(database, "/auth/token", wrong);
    assert_same(&observed, 400, "accounts");
}

fn email_change_statements_are_equal(database: &FreshDatabase) {
    let change = |email: &str, token: &str| {
        let body = json!({"password": PASSWORD, "new_email": email});
        TestRequest::put()
            .set_json(body)
            .insert_header(("authorization", format!("Bearer {token}")))
    };
    let observed = observe(database, "/auth/email", change);
    assert_same(&observed, 202, "mailed_tokens");
}

fn disabled_login_statements_equal_unknown(database: &FreshDatabase) {
    let right = |email: &str, _: &str| post(&json!({"email": email, "password": PASSWORD}));
    let observed = observe(database, "/auth/login", right);
    assert_eq!(observed[0].0, StatusCode::UNAUTHORIZED);
    assert_eq!(observed[0], observed[3], "unknown and disabled");
    assert_eq!((observed[1].0, observed[2].0), (StatusCode::OK, StatusCode::OK));
}

both_engines!(
    reset_request_statements_are_equal,
    verification_request_statements_are_equal,
    failed_login_statements_are_equal,
    failed_password_grant_statements_are_equal,
    email_change_statements_are_equal,
    disabled_login_statements_equal_unknown,
);

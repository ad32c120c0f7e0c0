//! Swagger UI: its files, and its use in a browser.

use recto_testkit::both_servers;
use recto_testkit::browser::Browser;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::support::assertions::{Expect as _, text, uid};
use crate::support::fixtures::add_book;
use crate::support::raw_http;

/// Selectors of the operations that the tests execute.
const REVIEWS: &str = ".opblock-post:has([data-path=\"/api/v1/books/{uid}/reviews\"])";
const LOGOUT: &str = ".opblock-post:has([data-path=\"/api/v1/auth/logout\"])";

const DIALOG: &str = ".dialog-ux .modal-ux";

fn all_swagger_files_are_served(server: &TestServer) {
    let page = server.get("/docs/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    let mut assets = 0;
    for attribute in ["src=\"", "href=\""] {
        for part in html.split(attribute).skip(1) {
            let file = part.split('"').next().unwrap().trim_start_matches("./");
            assert!(!file.contains("://"), "{file} is not a local file");
            let asset = server.get(&format!("/docs/{file}"));
            assert_eq!(asset.status, 200, "{file}");
            assert!(!asset.body.is_empty());
            let media_type = asset.header("content-type").unwrap();
            let expected = match file.rsplit('.').next().unwrap() {
                "js" => "javascript",
                "css" => "css",
                _ => "image",
            };
            assert!(media_type.contains(expected), "{file}: {media_type}");
            assets += 1;
        }
    }
    assert!(assets >= 4, "{html}");
    let initializer = server.get("/docs/swagger-initializer.js");
    assert!(initializer.text().contains("/api/v1/openapi.json"), "{}", initializer.text());
    server.get("/docs/nonsense.js").expect_problem("not-found");
    server.get("/docs/../Cargo.toml").expect_problem("not-found");
    server.get("/docs/%2e%2e/%2e%2e/etc/passwd").expect_problem("not-found");
}

fn root_redirects_to_the_documentation(server: &TestServer) {
    for path in ["/", "/docs"] {
        let answer = raw_http::send_line(server, "GET", path).unwrap();
        assert!([302, 307, 308].contains(&answer.status), "{}", answer.status);
        assert_eq!(answer.header("location"), Some("/docs/"));
    }
    // A client follows the redirect.
    assert!(server.get("/").text().contains("swagger"));
}

/// Opens the documentation in a browser, if there is one.
fn open_documentation(server: &TestServer) -> Option<Browser> {
    let mut browser = Browser::find()?;
    browser.open(&server.url("/docs/"));
    browser.wait("document.querySelector('.opblock') !== null");
    Some(browser)
}

/// Returns the selector of the part of the dialog with a field whose id has that prefix.
fn scheme(name: &str) -> String {
    format!("{DIALOG} .auth-container:has([id^=\"{name}\"], [for^=\"{name}\"])")
}

fn open_dialog(browser: &mut Browser) {
    browser.click(".auth-wrapper .btn.authorize");
    browser.wait_for(DIALOG, "Available authorizations");
}

fn close_dialog(browser: &mut Browser) {
    browser.click(&format!("{DIALOG} .close-modal"));
    browser.wait(&format!("!document.querySelector('{DIALOG}')"));
}

fn sign_in(browser: &mut Browser, email: &str, password: &str) {
    let form = scheme("oauth_");
    open_dialog(browser);
    browser.fill("#oauth_username", email);
    browser.fill("#oauth_password", password);
    browser.picture("swagger-authorize");
    browser.click(&format!("{form} button.authorize"));
}

/// Removes the authorization in the dialog.
fn sign_out(browser: &mut Browser) {
    open_dialog(browser);
    browser.click(&format!("{DIALOG} [aria-label=\"Remove authorization\"]"));
    browser.wait(&format!("!document.querySelector('{DIALOG}').innerText.includes('Logout')"));
    close_dialog(browser);
}

/// Unfolds an operation.
fn unfold(browser: &mut Browser, operation: &str) {
    let open = format!("document.querySelector('{operation}').classList.contains('is-open')");
    if browser.evaluate(&open) == false {
        browser.click(&format!("{operation} .opblock-summary-control"));
    }
}

/// Fills in the book to review.
fn choose_book(browser: &mut Browser, book: &Value) {
    unfold(browser, REVIEWS);
    browser.fill(&format!("{REVIEWS} input[placeholder=\"uid\"]"), uid(book));
}

/// Executes an operation with the example of its body, and returns the status that is shown.
fn execute(browser: &mut Browser, operation: &str) -> String {
    let status = format!("{operation} .live-responses-table tbody .response-col_status");
    // The result of an earlier execution must be gone.
    if browser.evaluate(&format!("document.querySelector('{status}') !== null")) == true {
        browser.click(&format!("{operation} .btn-clear"));
        browser.wait(&format!("document.querySelector('{status}') === null"));
    }
    browser.click(&format!("{operation} .execute"));
    let shown = format!("/^\\d+/.exec(document.querySelector('{status}')?.innerText)?.[0]");
    browser.wait(&shown).as_str().unwrap().to_owned()
}

#[test]
fn signed_in_user_posts_a_review() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (emma, persuasion) = (add_book(&ada, "Emma"), add_book(&ada, "Persuasion"));
    let Some(mut browser) = open_documentation(&server) else {
        return;
    };
    choose_book(&mut browser, &emma);
    assert_eq!(execute(&mut browser, REVIEWS), "401");

    sign_in(&mut browser, "ada@example.org", "not the password");
    browser.wait_for(&format!("{DIALOG} .errors"), "Auth Error");
    browser.picture("swagger-refused");
    close_dialog(&mut browser);
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&scheme("oauth_"), "Logout");
    browser.picture("swagger-signed-in");
    close_dialog(&mut browser);
    assert_eq!(execute(&mut browser, REVIEWS), "201");
    browser.picture("swagger-created");
    let reviews = server.get(&format!("/books/{}/reviews", uid(&emma)));
    assert_eq!(reviews.expect_items()[0]["user_uid"], ada.uid.as_str());
    // A conflict shows that the account is known.
    assert_eq!(execute(&mut browser, REVIEWS), "409");
    // The page stores no credentials.
    let stored = browser.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])");
    assert_eq!(stored, "[{},{}]");

    sign_out(&mut browser);
    choose_book(&mut browser, &persuasion);
    assert_eq!(execute(&mut browser, REVIEWS), "401");
    browser.picture("swagger-signed-out");
}

#[test]
fn ended_session_is_refused() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let emma = add_book(&server.sign_up("ada"), "Emma");
    let Some(mut browser) = open_documentation(&server) else {
        return;
    };
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&scheme("oauth_"), "Logout");
    close_dialog(&mut browser);
    unfold(&mut browser, LOGOUT);
    assert_eq!(execute(&mut browser, LOGOUT), "204");
    // The page still sends its token, which is revoked.
    choose_book(&mut browser, &emma);
    assert_eq!(execute(&mut browser, REVIEWS), "401");
    browser.wait_for(&format!("{REVIEWS} .curl-command"), "Authorization: Bearer");
}

#[test]
fn api_key_authorizes_requests() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (emma, persuasion) = (add_book(&ada, "Emma"), add_book(&ada, "Persuasion"));
    let key = |scopes: Value| {
        let key = ada.post("/auth/keys", &json!({"name": "browser", "scopes": scopes}));
        text(key.expect_status(201), "key").to_owned()
    };
    let (writing, reading) = (key(json!(["read", "write"])), key(json!(["read"])));
    let Some(mut browser) = open_documentation(&server) else { return };
    let field = scheme("auth-bearer-value");
    for (key, book, status) in [(&writing, &emma, "201"), (&reading, &persuasion, "403")] {
        open_dialog(&mut browser);
        browser.fill("#auth-bearer-value", key);
        browser.click(&format!("{field} button.authorize"));
        browser.wait_for(&field, "Logout");
        close_dialog(&mut browser);
        choose_book(&mut browser, book);
        assert_eq!(execute(&mut browser, REVIEWS), status);
        sign_out(&mut browser);
        assert_eq!(execute(&mut browser, REVIEWS), "401");
    }
}

#[test]
fn pages_respect_their_security_policies() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    for (page, ready) in [
        ("/docs/", "document.querySelector('.opblock') !== null"),
        ("/schema", "!document.querySelector('figure details[open]')"),
        ("/verify", "!document.getElementById('gone').hidden"),
        ("/reset-password", "!document.getElementById('gone').hidden"),
    ] {
        browser.open(&server.url(page));
        browser.wait(ready);
        assert_eq!(browser.complaints(), [""; 0], "{page}");
    }
    // The browser does report violations.
    browser.evaluate(
        "document.head.append(Object.assign(document.createElement('style'), \
         { textContent: 'p { color: red }' }))",
    );
    assert!(browser.complaints()[0].contains("Content Security Policy"));
}

both_servers!(all_swagger_files_are_served, root_redirects_to_the_documentation);

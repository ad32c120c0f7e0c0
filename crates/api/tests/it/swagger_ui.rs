//! Swagger UI as somebody uses it: signing in, trying an operation out, signing out.

use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::support::assertions::{Expect as _, text, uid};
use crate::support::browser::Browser;
use crate::support::fixtures::add_book;
use crate::support::raw_http;

/// The operations that are tried out.
const REVIEWS: &str = ".opblock-post:has([data-path=\"/api/v1/books/{uid}/reviews\"])";
const LOGOUT: &str = ".opblock-post:has([data-path=\"/api/v1/auth/logout\"])";

const DIALOG: &str = ".dialog-ux .modal-ux";

fn swagger_ui_is_served_with_all_it_needs(server: &TestServer) {
    let page = server.get("/docs/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    let mut assets = 0;
    for attribute in ["src=\"", "href=\""] {
        for part in html.split(attribute).skip(1) {
            let file = part.split('"').next().unwrap().trim_start_matches("./");
            assert!(!file.contains("://"), "{file} is somebody else's");
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

fn the_root_leads_to_the_documentation(server: &TestServer) {
    for path in ["/", "/docs"] {
        let answer = raw_http::send_line(server, "GET", path).unwrap();
        assert!([302, 307, 308].contains(&answer.status), "{}", answer.status);
        assert_eq!(answer.header("location"), Some("/docs/"));
    }
    // And a client that follows gets there.
    assert!(server.get("/").text().contains("swagger"));
}

/// The documentation, opened.
fn documentation(server: &TestServer, test: &str) -> Option<Browser> {
    let mut browser = Browser::find(test)?;
    browser.open(&server.url("/docs/"));
    browser.wait("document.querySelector('.opblock') !== null");
    Some(browser)
}

/// Part of the dialog that has that field, or says that it is signed in.
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

/// Has the dialog forget what it is signed in with.
fn forget(browser: &mut Browser) {
    open_dialog(browser);
    browser.click(&format!("{DIALOG} [aria-label=\"Remove authorization\"]"));
    browser.wait(&format!("!document.querySelector('{DIALOG}').innerText.includes('Logout')"));
    close_dialog(browser);
}

/// Shows an operation.
fn unfold(browser: &mut Browser, operation: &str) {
    let open = format!("document.querySelector('{operation}').classList.contains('is-open')");
    if browser.evaluate(&open) == false {
        browser.click(&format!("{operation} .opblock-summary-control"));
    }
}

/// Fills in which book is to be reviewed.
fn choose(browser: &mut Browser, book: &Value) {
    unfold(browser, REVIEWS);
    browser.fill(&format!("{REVIEWS} input[placeholder=\"uid\"]"), uid(book));
}

/// Executes an operation, with the body that the documentation proposes where it takes one, and
/// gives the status that is shown.
fn execute(browser: &mut Browser, operation: &str) -> String {
    let status = format!("{operation} .live-responses-table tbody .response-col_status");
    // What an execution before has left on the page would be taken for its answer.
    if browser.evaluate(&format!("document.querySelector('{status}') !== null")) == true {
        browser.click(&format!("{operation} .btn-clear"));
        browser.wait(&format!("document.querySelector('{status}') === null"));
    }
    browser.click(&format!("{operation} .execute"));
    let shown = format!("/^\\d+/.exec(document.querySelector('{status}')?.innerText)?.[0]");
    browser.wait(&shown).as_str().unwrap().to_owned()
}

#[test]
fn who_signs_in_posts_a_review_and_who_signs_out_does_not() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (emma, persuasion) = (add_book(&ada, "Emma"), add_book(&ada, "Persuasion"));
    let Some(mut browser) =
        documentation(&server, "who_signs_in_posts_a_review_and_who_signs_out_does_not")
    else {
        return;
    };
    choose(&mut browser, &emma);
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
    // The second review is a conflict: who asks is known.
    assert_eq!(execute(&mut browser, REVIEWS), "409");
    // Nothing that opens the account outlives the page.
    let kept = browser.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])");
    assert_eq!(kept, "[{},{}]");

    forget(&mut browser);
    choose(&mut browser, &persuasion);
    assert_eq!(execute(&mut browser, REVIEWS), "401");
    browser.picture("swagger-signed-out");
}

#[test]
fn a_session_that_has_ended_opens_nothing() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let emma = add_book(&server.sign_up("ada"), "Emma");
    let Some(mut browser) = documentation(&server, "a_session_that_has_ended_opens_nothing") else {
        return;
    };
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&scheme("oauth_"), "Logout");
    close_dialog(&mut browser);
    unfold(&mut browser, LOGOUT);
    assert_eq!(execute(&mut browser, LOGOUT), "204");
    // The page sends its token still, and it is dead.
    choose(&mut browser, &emma);
    assert_eq!(execute(&mut browser, REVIEWS), "401");
    browser.wait_for(&format!("{REVIEWS} .curl-command"), "Authorization: Bearer");
}

#[test]
fn an_api_key_signs_in_as_well() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (emma, persuasion) = (add_book(&ada, "Emma"), add_book(&ada, "Persuasion"));
    let key = |scopes: Value| {
        let key = ada.post("/auth/keys", &json!({"name": "browser", "scopes": scopes}));
        text(key.expect_status(201), "key").to_owned()
    };
    let (writing, reading) = (key(json!(["read", "write"])), key(json!(["read"])));
    let Some(mut browser) = documentation(&server, "an_api_key_signs_in_as_well") else { return };
    let field = scheme("auth-bearer-value");
    for (key, book, status) in [(&writing, &emma, "201"), (&reading, &persuasion, "403")] {
        open_dialog(&mut browser);
        browser.fill("#auth-bearer-value", key);
        browser.click(&format!("{field} button.authorize"));
        browser.wait_for(&field, "Logout");
        close_dialog(&mut browser);
        choose(&mut browser, book);
        assert_eq!(execute(&mut browser, REVIEWS), status);
        forget(&mut browser);
        assert_eq!(execute(&mut browser, REVIEWS), "401");
    }
}

#[test]
fn pages_keep_to_their_policies() {
    let Some(mut browser) = Browser::find("pages_keep_to_their_policies") else { return };
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
    // The browser would have complained.
    browser.evaluate(
        "document.head.append(Object.assign(document.createElement('style'), \
         { textContent: 'p { color: red }' }))",
    );
    assert!(browser.complaints()[0].contains("Content Security Policy"));
}

both_servers!(swagger_ui_is_served_with_all_it_needs, the_root_leads_to_the_documentation);

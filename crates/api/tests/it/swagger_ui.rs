//! Swagger UI: its files, and its use in a browser.

use recto_api::{DemoLogin, Settings};
use recto_testkit::both_servers;
use recto_testkit::browser::Browser;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::diagram::drawn;
use crate::support::assertions::{Expect as _, text, uid};
use crate::support::fixtures::add_book;
use crate::support::limits::server_with;
use crate::support::operations::{described, document};
use crate::support::raw_http;

/// Selectors of the operations that the tests execute.
const REVIEWS: &str = ".opblock-post:has([data-path=\"/api/v1/books/{uid}/reviews\"])";
const LOGOUT: &str = ".opblock-post:has([data-path=\"/api/v1/auth/logout\"])";
const BOOKS: &str = ".opblock-get:has([data-path=\"/api/v1/books\"])";
const SCHEMA: &str = ".opblock-get:has([data-path=\"/api/v1/schema\"])";

const DIALOG: &str = ".dialog-ux .modal-ux";

fn swagger_files_are_served(server: &TestServer) {
    for page in ["/docs/", "/docs/index.html"] {
        let html = server.get(page).text();
        assert!(html.contains("data-openapi=\"../api/v1/openapi.json\""), "{html}");
    }
    for (file, media_type) in [("swagger-ui.css", "css"), ("swagger-ui-bundle.js", "javascript")] {
        let file = server.get(&format!("/docs/{file}"));
        assert_eq!(file.status, 200);
        assert!(file.header("content-type").unwrap().contains(media_type));
    }
    // Our script starts the page.
    server.get("/docs/swagger-initializer.js").expect_problem("not-found");
    server.get("/docs/nonsense.js").expect_problem("not-found");
    server.get("/docs/../Cargo.toml").expect_problem("not-found");
    server.get("/docs/%2e%2e/%2e%2e/etc/passwd").expect_problem("not-found");
}

fn directories_redirect_to_their_slash(server: &TestServer) {
    for path in ["/docs", "/problems"] {
        let response = raw_http::send_line(server, "GET", path).unwrap();
        assert_eq!(response.status, 302);
        assert_eq!(response.header("location"), Some(&*format!("{path}/")));
    }
}

/// Opens the documentation in a browser, if there is one.
fn open_documentation(server: &TestServer) -> Option<Browser> {
    let mut browser = Browser::find()?;
    browser.open(&server.url("/docs/"));
    browser.wait("document.querySelector('.opblock') !== null");
    Some(browser)
}

/// Returns the selector of the part of the dialog with our sign-in.
fn sign_in_part() -> String {
    format!("{DIALOG} .sign-in")
}

/// Returns the selector of the part of the dialog for tokens and keys.
fn bearer_part() -> String {
    format!("{DIALOG} .auth-container:has([id=\"auth-bearer-value\"], [for=\"auth-bearer-value\"])")
}

/// The page's stored values, as JSON.
const STORED: &str = "JSON.stringify([{...localStorage}, {...sessionStorage}])";

/// Loads the page again, in the same tab.
fn reload(browser: &mut Browser) {
    let page = browser.evaluate("location.href");
    browser.open("about:blank");
    browser.open(page.as_str().unwrap());
    browser.wait("document.querySelector('.opblock') !== null");
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
    open_dialog(browser);
    browser.fill("#sign-in-email", email);
    browser.fill("#sign-in-password", password);
    browser.click(&format!("{} button.authorize", sign_in_part()));
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
    browser.wait_for(&format!("{DIALOG} .errors"), "there is no account with that e-mail");
    assert_eq!(browser.evaluate(STORED), "[{},{}]");
    close_dialog(&mut browser);
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&sign_in_part(), "Logout");
    close_dialog(&mut browser);
    assert_eq!(execute(&mut browser, REVIEWS), "201");
    let reviews = server.get(&format!("/books/{}/reviews", uid(&emma)));
    assert_eq!(reviews.expect_items()[0]["user_uid"], ada.uid.as_str());
    // A conflict shows that the account is known.
    assert_eq!(execute(&mut browser, REVIEWS), "409");

    // The token survives a reload; the password is not stored.
    let stored = browser.evaluate(STORED).as_str().unwrap().to_owned();
    assert!(stored.starts_with("[{},{") && stored.contains("access_token"), "{stored}");
    assert!(!stored.contains(PASSWORD), "{stored}");
    reload(&mut browser);
    choose_book(&mut browser, &emma);
    assert_eq!(execute(&mut browser, REVIEWS), "409");

    sign_out(&mut browser);
    assert_eq!(browser.evaluate(STORED), "[{},{}]");
    for _ in 0..2 {
        choose_book(&mut browser, &persuasion);
        assert_eq!(execute(&mut browser, REVIEWS), "401");
        reload(&mut browser);
    }
}

#[test]
fn expired_token_is_forgotten() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up("ada");
    let Some(mut browser) = open_documentation(&server) else { return };
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&sign_in_part(), "Logout");
    browser.evaluate(
        "for (const key in {...sessionStorage}) { \
         sessionStorage[key] = sessionStorage[key].replace(/\"until\":\\d+/, '\"until\":1') }",
    );
    reload(&mut browser);
    open_dialog(&mut browser);
    browser.wait_for(&sign_in_part(), "E-mail address");
}

#[test]
fn dialog_and_page_are_tidy() {
    let demo_accounts = vec![DemoLogin {
        email: "reader@recto.example".to_owned(),
        password: PASSWORD.to_owned(),
        role: "user".to_owned(),
    }];
    let server = server_with(Settings { demo_accounts, ..TestServer::settings() });
    let Some(mut browser) = open_documentation(&server) else { return };
    browser.wait_for(".notice", PASSWORD);
    assert_eq!(browser.evaluate("document.querySelector('.topbar')"), Value::Null);
    unfold(&mut browser, SCHEMA);
    browser.wait("location.hash.startsWith('#/meta/')");
    assert_eq!(execute(&mut browser, SCHEMA), "200");
    browser.wait_for(SCHEMA, "Request duration");
    // Examples of optional parameters are shown and not sent.
    unfold(&mut browser, BOOKS);
    browser.wait_for(BOOKS, "Example: reviews(rating:4..5)");
    let url = format!("{BOOKS} .request-url pre");
    assert_eq!(execute(&mut browser, BOOKS), "200");
    browser.wait_for(&url, "/api/v1/books?limit=20&total=false");
    let unwanted = "document.querySelector('.errors-wrapper, .info__license a')";
    assert_eq!(browser.evaluate(unwanted), Value::Null);
    browser.fill(".operation-filter-input", "Books/Batch");
    browser.wait("document.querySelectorAll('.opblock').length === 1");
    open_dialog(&mut browser);
    // The sign-in is first, without fields for a client and without scopes.
    let first = browser.evaluate(&format!(
        "document.querySelector('{DIALOG} .auth-container').contains(document.querySelector('.sign-in'))"
    ));
    assert_eq!(first, true);
    assert_eq!(browser.evaluate("document.activeElement.id"), "sign-in-email");
    let text = browser.evaluate(&format!("document.querySelector('{DIALOG}').innerText"));
    let text = text.as_str().unwrap().to_lowercase();
    assert!(!text.contains("client_") && !text.contains("scope"), "{text}");
    browser.click(".demo-accounts button");
    assert_eq!(browser.evaluate("document.getElementById('sign-in-password').value"), PASSWORD);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Resolves the references of all operations, as Swagger UI would one by one.
const RESOLVE: &str = "(async () => {
    const description = ui.specSelectors.specJson().toJS();
    const { spec, errors } = await ui.fn.resolveSubtree(description, ['paths'], { baseDoc: location.href });
    for (const [path, item] of Object.entries(spec)) {
        for (const [method, operation] of Object.entries(item)) {
            ui.specActions.updateResolvedSubtree(['paths', path, method], operation);
        }
    }
    window.resolverErrors = errors.map(({ message }) => message);
})() && null";

#[test]
fn every_operation_opens_without_errors() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let Some(mut browser) = open_documentation(&server) else { return };
    browser.evaluate(RESOLVE);
    assert_eq!(browser.wait("window.resolverErrors"), json!([]));
    browser.resize(390, 844);
    let count = described(&document()).count();
    assert_eq!(browser.evaluate("document.querySelectorAll('.opblock').length"), count);
    let mut wrong = Vec::new();
    for index in 0..count {
        let operation = format!("document.querySelectorAll('.opblock')[{index}]");
        let toggle = format!("{operation}.querySelector('.opblock-summary-control').click()");
        browser.evaluate(&toggle);
        browser.wait(&format!("{operation}.querySelector('.responses-inner') !== null"));
        let shown = browser.evaluate(&format!(
            "[{operation}.id, document.documentElement.scrollWidth, \
             document.querySelector('.errors-wrapper')?.innerText ?? '']"
        ));
        if shown[1] != 390 || shown[2] != "" {
            wrong.push(shown);
        }
        browser.evaluate(&toggle);
    }
    assert_eq!(wrong, [Value::Null; 0]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn ended_session_is_refused() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let emma = add_book(&server.sign_up("ada"), "Emma");
    let Some(mut browser) = open_documentation(&server) else {
        return;
    };
    sign_in(&mut browser, "ada@example.org", PASSWORD);
    browser.wait_for(&sign_in_part(), "Logout");
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
    let field = bearer_part();
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
        ("/", "document.querySelector('.actions button') !== null"),
        ("/problems/", "true"),
        ("/problems/forbidden", "true"),
        ("/schema", &drawn()),
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

both_servers!(swagger_files_are_served, directories_redirect_to_their_slash);

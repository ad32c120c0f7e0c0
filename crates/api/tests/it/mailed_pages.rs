//! The pages that mailed links lead to, in a browser.

use std::time::{Duration, Instant};

use recto_identity::throttle::Limits;
use recto_testkit::browser::Browser;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::json;

use crate::support::assertions::Expect as _;
use crate::support::limits::{hourly, server_with_limits};
use crate::support::mailbox::mails;

const NEW_PASSWORD: &str = "twelve apes on a boat";

const PAGES: [&str; 3] = ["/verify", "/reset-password", "/confirm-email"];

/// Waits until that many mails have links to a page, and returns the links, the oldest first.
fn links(server: &TestServer, page: &str, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_mins(1);
    let base = server.url(&format!("{page}#"));
    loop {
        let mails = mails(server);
        let links = mails.iter().filter_map(|mail| mail.link());
        let found: Vec<_> = links.filter(|link| link.starts_with(&base)).map(Into::into).collect();
        if found.len() >= count {
            assert_eq!(found.len(), count);
            return found;
        }
        assert!(Instant::now() < until, "fewer than {count} links to {base}: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns whether the address of the account is verified.
fn is_verified(server: &TestServer, email: &str) -> bool {
    server.sign_in(email).get("/auth/me").expect_status(200)["verified"] == true
}

/// Fills in the form of the verification page and sends it.
fn verify_address(browser: &mut Browser, password: &str) {
    browser.fill("#password", password);
    browser.click("#use button");
}

/// Fills in the form of the reset page and sends it.
fn change_password(browser: &mut Browser, new: &str, again: &str) {
    browser.fill("#new_password", new);
    browser.fill("#confirm_new_password", again);
    browser.click("#use button");
}

/// Asserts that the token is neither in the address bar nor in the document.
#[track_caller]
fn assert_hides_token(browser: &mut Browser, link: &str) {
    let (page, token) = link.split_once('#').unwrap();
    assert_eq!(browser.evaluate("location.href"), page);
    assert!(!browser.dom().contains(token));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Asserts that the page fits on the narrowest screens.
#[track_caller]
fn assert_fits(browser: &mut Browser, page: &str) {
    browser.resize(320, 640);
    browser.picture(&format!("{page}-narrow"));
    let cut = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.evaluate(cut), 0);
    browser.resize(1280, 900);
}

#[test]
fn mailed_pages_are_self_contained() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    // They do not need the database.
    server.database().execute("ALTER TABLE users RENAME TO gone_users").unwrap();
    for path in PAGES {
        let page = server.get(path);
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
        assert!(policy.contains("connect-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let html = page.text();
        assert!(!html.contains("style=") && !html.contains("<style"), "{html}");
        // URLs are relative, since the public URL may have a path.
        assert!(!html.contains("data-post=\"/") && html.contains("data-post=\"api/v1/auth/"));
        for attribute in [" src=\"", " href=\""] {
            for part in html.split(attribute).skip(1) {
                assert!(!part.starts_with('/') && !part.starts_with("http"), "{part:.40}");
            }
        }
        // Every outcome leads to the start page.
        let (_, outcomes) = html.split_once("<section id=\"done\"").unwrap();
        for outcome in outcomes.split("<section").skip(1) {
            assert!(outcome.contains("href=\"./\""), "{outcome}");
        }
        for nowhere in ["/", "/page.html", "/page.js"] {
            server.get(&format!("{path}{nowhere}")).expect_problem("not-found");
        }
        server.anonymous().post(path, &json!({})).expect_problem("method-not-allowed");
    }
}

#[test]
fn only_the_button_uses_the_link() {
    let Some(mut browser) = Browser::find() else {
        return;
    };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up_unverified("ada");
    let link = &links(&server, "/verify", 1)[0];

    for _ in 0..2 {
        browser.open(link);
        browser.wait_for("#use", "verify the address with the password");
        assert_hides_token(&mut browser, link);
        browser.open("about:blank");
    }
    assert!(!is_verified(&server, "ada@example.org"));

    browser.open(link);
    browser.picture("verify");
    verify_address(&mut browser, NEW_PASSWORD);
    browser.wait_for("#use .status", "Wrong password");
    browser.picture("verify-wrong-password");
    assert_fits(&mut browser, "verify-form");
    assert!(!is_verified(&server, "ada@example.org"));
    verify_address(&mut browser, PASSWORD);
    browser.wait_for("#done", "Your address is verified");
    browser.picture("verify-done");
    assert_hides_token(&mut browser, link);
    assert!(is_verified(&server, "ada@example.org"));

    // The same link again, in the same tab.
    browser.open(link);
    verify_address(&mut browser, PASSWORD);
    browser.wait_for("#gone", "It has been used");
    browser.picture("verify-gone");
    assert_fits(&mut browser, "verify");
    assert_hides_token(&mut browser, link);
}

#[test]
fn page_offers_a_new_link() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up_unverified("ada");
    links(&server, "/verify", 1);
    // A more recent link would be sent again.
    server.clock().advance(Duration::from_hours(13));

    // Without a token there is only the form for a new link.
    browser.open(&server.url("/verify"));
    browser.wait_for("#gone", "part of it is missing");
    browser.fill("#email", "ada@nowhere.");
    browser.evaluate("document.querySelector('#gone form').noValidate = true");
    browser.click("#gone button");
    browser.wait_for("#email-wrong", "It must be");
    browser.picture("verify-wrong-address");
    browser.fill("#email", "ada@example.org");
    browser.click("#gone button");
    browser.wait_for("#sent", "Check your mailbox");
    browser.picture("verify-sent");
    let both = links(&server, "/verify", 2);

    // The new link has replaced the first.
    browser.open(&both[0]);
    verify_address(&mut browser, PASSWORD);
    browser.wait_for("#gone", "a newer one has been sent");
    browser.open(&both[1]);
    verify_address(&mut browser, PASSWORD);
    browser.wait_for("#done", "Your address is verified");
    assert!(is_verified(&server, "ada@example.org"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn page_rejects_the_account() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let attacker = server.sign_up_unverified("ada");
    let link = &links(&server, "/verify", 1)[0];
    browser.open(link);
    // The password is not needed.
    browser.click("#reject button");
    browser.wait_for("#rejected", "The account is deleted");
    browser.picture("verify-rejected");
    assert_hides_token(&mut browser, link);
    attacker.get("/auth/me").expect_problem("unauthenticated");
    browser.open(link);
    browser.click("#reject button");
    browser.wait_for("#gone", "It has been used");
}

#[test]
fn page_changes_the_address() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let change = json!({"password": PASSWORD, "new_email": "lovelace@example.org"});
    assert_eq!(ada.put("/auth/email", &change).status, 202);
    let link = &links(&server, "/confirm-email", 1)[0];
    browser.open(link);
    browser.wait_for("#use", "Confirm it only if that is you");
    browser.picture("confirm-email");
    assert_fits(&mut browser, "confirm-email");
    assert_eq!(ada.get("/auth/me").expect_status(200)["email"], "ada@example.org");
    browser.click("#use button");
    browser.wait_for("#done", "Your e-mail address is changed");
    assert_hides_token(&mut browser, link);
    assert_eq!(ada.get("/auth/me").expect_status(200)["email"], "lovelace@example.org");
    browser.open(link);
    browser.click("#use button");
    browser.wait_for("#gone", "It has been used");
    browser.picture("confirm-email-gone");
}

#[test]
fn page_shows_errors_and_allows_retry() {
    let Some(mut browser) = Browser::find() else {
        return;
    };
    let server = server_with_limits(Limits { mail: Some(hourly(1)), ..Limits::none() });
    let page = server.url("/reset-password");
    // The budget refills while the page is open.
    for message in ["Check your mailbox", r"Try again in (3600|35\d\d) seconds"] {
        browser.open(&page);
        browser.fill("#email", "nobody@example.org");
        browser.click("#gone button");
        browser.wait_for_match("main", message);
        browser.open("about:blank");
    }

    // A text that is too long for a token counts as none.
    browser.open(&format!("{page}#{}", "x".repeat(2000)));
    change_password(&mut browser, NEW_PASSWORD, NEW_PASSWORD);
    browser.wait_for("#gone", "part of it is missing");

    browser.open(&format!("{page}#token"));
    server.database().execute("ALTER TABLE mailed_tokens RENAME TO gone").unwrap();
    change_password(&mut browser, NEW_PASSWORD, NEW_PASSWORD);
    browser.wait_for("#use .status", "Internal error");
    server.database().execute("ALTER TABLE gone RENAME TO mailed_tokens").unwrap();
    drop(server);
    browser.click("#use button");
    browser.wait_for("#use .status", "The server could not be reached");
    browser.picture("reset-unreachable");
}

#[test]
fn page_resets_the_password() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up("lovelace");
    let login = |password: &str| {
        let body = json!({"email": "lovelace@example.org", "password": password});
        server.anonymous().post("/auth/login", &body)
    };
    browser.open(&server.url("/reset-password"));
    browser.fill("#email", "lovelace@example.org");
    browser.click("#gone button");
    browser.wait_for("#sent", "Check your mailbox");
    let link = &links(&server, "/reset-password", 1)[0];

    browser.open(link);
    assert_hides_token(&mut browser, link);
    for (new, again, field, error) in [
        ("short", "short", "new_password", "It must have at least 8 characters."),
        (NEW_PASSWORD, PASSWORD, "confirm_new_password", "It must be the same as above."),
        ("I am Lovelace", "I am Lovelace", "new_password", "It must not contain the user's name."),
    ] {
        change_password(&mut browser, new, again);
        browser.wait_for(&format!("#{field}-wrong"), error);
        assert_eq!(browser.evaluate("document.activeElement.id"), field);
        assert_eq!(browser.evaluate("document.querySelectorAll('[aria-invalid]').length"), 1);
        browser.picture(&format!("reset-{field}"));
    }
    assert_fits(&mut browser, "reset");
    // The link can still be used.
    login(PASSWORD).expect_status(200);

    browser.click("#show");
    change_password(&mut browser, NEW_PASSWORD, NEW_PASSWORD);
    browser.wait_for("#done", "Your password is changed");
    browser.picture("reset-done");
    assert_hides_token(&mut browser, link);
    assert!(!browser.dom().contains(NEW_PASSWORD));
    login(NEW_PASSWORD).expect_status(200);
    login(PASSWORD).expect_problem("wrong-credentials");

    browser.open(link);
    change_password(&mut browser, PASSWORD, PASSWORD);
    browser.wait_for("#gone", "It has been used");
    browser.picture("reset-gone");
    login(PASSWORD).expect_problem("wrong-credentials");
}

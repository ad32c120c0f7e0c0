//! The pages that mails link to, from the link in the mail to what its button does.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use recto_api::Settings;
use recto_identity::throttle::{Limit, Limits};
use recto_testkit::database::{Engine, fresh};
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::json;

use crate::support::assertions::Expect as _;
use crate::support::browser::Browser;

/// Another password than everybody's.
const NEW: &str = "twelve apes on a boat";

const PAGES: [&str; 2] = ["/verify", "/reset-password"];

/// The links to a page in the mails that have been sent, the oldest first; waits until there are
/// that many.
fn links(server: &TestServer, page: &str, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_mins(1);
    let base = server.url(&format!("{page}#"));
    loop {
        let files = std::fs::read_dir(server.mail_directory()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        let mails = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
        let found: Vec<_> = mails
            .filter_map(|mail| mail.lines().find(|line| line.starts_with(&base)).map(Into::into))
            .collect();
        if found.len() >= count {
            assert_eq!(found.len(), count);
            return found;
        }
        assert!(Instant::now() < until, "{count} mails with {base} are not there: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What tells whether somebody's address is verified.
fn is_verified(server: &TestServer, email: &str) -> bool {
    server.sign_in(email).get("/auth/me").expect_status(200)["verified"] == true
}

/// Fills in the form and sends it.
fn change_password(browser: &mut Browser, new: &str, again: &str) {
    browser.fill("#new_password", new);
    browser.fill("#confirm_new_password", again);
    browser.click("#spend button");
}

/// Nothing of the token is left where it could be copied or sent from.
#[track_caller]
fn assert_clean(browser: &mut Browser, link: &str) {
    let (page, token) = link.split_once('#').unwrap();
    assert_eq!(browser.evaluate("location.href"), page);
    assert!(!browser.dom().contains(token));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// On the narrowest of screens nothing is cut off.
#[track_caller]
fn assert_fits(browser: &mut Browser, page: &str) {
    browser.resize(320, 640);
    browser.picture(&format!("{page}-narrow"));
    let cut = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.evaluate(cut), 0);
    browser.resize(1280, 900);
}

#[test]
fn the_pages_have_all_they_need_and_keep_to_themselves() {
    let server = TestServer::start(Engine::Sqlite).unwrap();
    // They are there while the database is not.
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
        // Wherever the public URL begins, what a page asks for is below that.
        assert!(!html.contains("data-post=\"/") && html.contains("data-post=\"api/v1/auth/"));
        let name = &path[1..];
        let linked = |attribute| html.split(attribute).skip(1).map(|part| &part[..20]);
        for target in linked(" src=\"").chain(linked(" href=\"")) {
            let own = [&format!("{name}/"), "docs/\"", "data:,\""];
            assert!(own.iter().any(|own| target.starts_with(*own)), "{target}");
        }
        for file in ["page.js", "page.css"] {
            assert!(html.contains(&format!("\"{name}/{file}\"")), "{html}");
            assert_eq!(server.get(&format!("{path}/{file}")).status, 200);
        }
        for nowhere in ["/", "/page.html", "/verify.html", "/page.js/x"] {
            server.get(&format!("{path}{nowhere}")).expect_problem("not-found");
        }
        server.anonymous().post(path, &json!({})).expect_problem("method-not-allowed");
    }
}

#[test]
fn opening_a_link_spends_nothing_and_its_button_verifies() {
    let Some(mut browser) = Browser::find("opening_a_link_spends_nothing_and_its_button_verifies")
    else {
        return;
    };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up_unverified("ada");
    let link = &links(&server, "/verify", 1)[0];

    for _ in 0..2 {
        browser.open(link);
        browser.wait_for("#spend", "Confirm that it is yours");
        assert_clean(&mut browser, link);
        browser.open("about:blank");
    }
    assert!(!is_verified(&server, "ada@example.org"));

    browser.open(link);
    browser.picture("verify");
    browser.click("#spend button");
    browser.wait_for("#done", "Your address is confirmed");
    browser.picture("verify-done");
    assert_clean(&mut browser, link);
    assert!(is_verified(&server, "ada@example.org"));

    // The same link once more, in the tab that shows the page already.
    browser.open(link);
    browser.click("#spend button");
    browser.wait_for("#gone", "It has been used");
    browser.picture("verify-gone");
    assert_fits(&mut browser, "verify");
    assert_clean(&mut browser, link);
}

#[test]
fn whose_link_is_gone_gets_another() {
    let Some(mut browser) = Browser::find("whose_link_is_gone_gets_another") else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    server.sign_up_unverified("ada");
    links(&server, "/verify", 1);
    // A younger link would be sent again.
    server.clock().advance(Duration::from_hours(13));

    // Without a token there is nothing to press.
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

    // The newer link has replaced the older.
    browser.open(&both[0]);
    browser.click("#spend button");
    browser.wait_for("#gone", "a newer one has been sent");
    browser.open(&both[1]);
    browser.click("#spend button");
    browser.wait_for("#done", "Your address is confirmed");
    assert!(is_verified(&server, "ada@example.org"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_goes_wrong_is_said_and_can_be_tried_again() {
    let Some(mut browser) = Browser::find("what_goes_wrong_is_said_and_can_be_tried_again") else {
        return;
    };
    let once = Some(Limit::new(NonZeroU32::MIN, Duration::from_hours(1)));
    let limits = Limits { mail: once, ..Limits::none() };
    let settings = Settings { limits, ..TestServer::settings() };
    let server = TestServer::with(fresh(Engine::Sqlite).unwrap(), settings);
    let page = server.url("/reset-password");
    for told in ["Check your mailbox", "Try again in 3600 seconds"] {
        browser.open(&page);
        browser.fill("#email", "nobody@example.org");
        browser.click("#gone button");
        browser.wait_for("main", told);
        browser.open("about:blank");
    }

    // What is too long for a token is none.
    browser.open(&format!("{page}#{}", "x".repeat(2000)));
    change_password(&mut browser, NEW, NEW);
    browser.wait_for("#gone", "part of it is missing");

    browser.open(&format!("{page}#token"));
    server.database().execute("ALTER TABLE mailed_tokens RENAME TO gone").unwrap();
    change_password(&mut browser, NEW, NEW);
    browser.wait_for("#spend .status", "Internal error");
    server.database().execute("ALTER TABLE gone RENAME TO mailed_tokens").unwrap();
    drop(server);
    browser.click("#spend button");
    browser.wait_for("#spend .status", "The server could not be reached");
    browser.picture("reset-unreachable");
}

#[test]
fn a_password_is_reset_by_its_link() {
    let Some(mut browser) = Browser::find("a_password_is_reset_by_its_link") else { return };
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
    assert_clean(&mut browser, link);
    for (new, again, field, told) in [
        ("short", "short", "new_password", "It must have at least 8 characters."),
        (NEW, PASSWORD, "confirm_new_password", "It must be the same as above."),
        ("I am Lovelace", "I am Lovelace", "new_password", "It must not contain the user's name."),
    ] {
        change_password(&mut browser, new, again);
        browser.wait_for(&format!("#{field}-wrong"), told);
        assert_eq!(browser.evaluate("document.activeElement.id"), field);
        assert_eq!(browser.evaluate("document.querySelectorAll('[aria-invalid]').length"), 1);
        browser.picture(&format!("reset-{field}"));
    }
    assert_fits(&mut browser, "reset");
    // None of this has spent the link.
    login(PASSWORD).expect_status(200);

    browser.click("#show");
    change_password(&mut browser, NEW, NEW);
    browser.wait_for("#done", "Your password is changed");
    browser.picture("reset-done");
    assert_clean(&mut browser, link);
    assert!(!browser.dom().contains(NEW));
    login(NEW).expect_status(200);
    login(PASSWORD).expect_problem("wrong-credentials");

    browser.open(link);
    change_password(&mut browser, PASSWORD, PASSWORD);
    browser.wait_for("#gone", "It has been used");
    browser.picture("reset-gone");
    login(PASSWORD).expect_problem("wrong-credentials");
}

//! Access tokens that expire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use recto_client::{Client, Error};
use recto_domain::Book;
use recto_testkit::server::PASSWORD;
use recto_testkit::{both_servers, server::TestServer};

use crate::support::fake_server::{FakeServer, Received, response};
use crate::support::fixtures::{run, signed_in, status};

/// Longer than the lifetime of an access token.
const LATER: Duration = Duration::from_mins(16);

fn expired_token_is_refreshed_once(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        for _ in 0..3 {
            server.clock().advance(LATER);
            let calls = (0..8).map(|_| async { ada.me().await });
            for me in join_all(calls).await {
                assert_eq!(me.unwrap().username.as_str(), "ada");
            }
        }
        // The second session is that of the sign-in, the first that of the sign-up.
        let sessions = ada.sessions().await.unwrap().items;
        assert!(sessions[0].current, "{sessions:?}");
    });
}

fn signing_out_ends_the_session(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let clone = ada.clone();
        assert!(ada.me().await.unwrap().account().unwrap().unwrap().verified);
        ada.sign_out().await.unwrap();
        assert_eq!(status(clone.me().await), 401);
        clone.list::<Book>().await.unwrap();
        clone.sign_out().await.unwrap();
    });
}

fn ended_session_is_an_error(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let other = server.client();
        let user = other.sign_in("ada@example.org", PASSWORD).await.unwrap();
        assert_eq!(user.username.as_str(), "ada");
        for session in ada.sessions().await.unwrap().items {
            if !session.current {
                ada.end_session(session.id).await.unwrap();
            }
        }
        assert_eq!(status(other.me().await), 401);
        other.sign_out().await.unwrap();
        assert_eq!(status(other.me().await), 401);
        ada.me().await.unwrap();
    });
}

both_servers!(
    expired_token_is_refreshed_once,
    signing_out_ends_the_session,
    ended_session_is_an_error,
);

/// Answers as a server whose first access token has expired although the client cannot know.
fn expiring(delay: Duration) -> impl Fn(usize, &Received) -> Option<String> {
    let is_refreshed = AtomicBool::new(false);
    move |_, request| {
        let pair = |number: u8, lifetime: u32| {
            format!(
                r#"{{"access_token": "access-{number}", "refresh_token": "refresh-{number}", "token_type": "Bearer", "expires_in": {lifetime},
                "user": {{"uid": "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47", "username": "ada", "email": "ada@example.org", "role": "user"}}}}"#
            )
        };
        let refused = || {
            let challenge = "WWW-Authenticate: Bearer realm=\"recto\", error=\"invalid_token\"";
            Some(response(401, &[challenge], ""))
        };
        match request.line.as_str() {
            "POST /api/v1/auth/login" => {
                assert!(!request.headers.contains_key("authorization"));
                Some(response(200, &[], &pair(0, 900)))
            }
            "POST /api/v1/auth/refresh" => {
                assert!(!request.headers.contains_key("authorization"));
                assert_eq!(request.body, r#"{"refresh_token":"refresh-0"}"#);
                std::thread::sleep(delay);
                if is_refreshed.swap(true, Ordering::SeqCst) {
                    return refused();
                }
                Some(response(200, &[], &pair(1, 900)))
            }
            _ if request.headers["authorization"] == "Bearer access-1" => {
                Some(response(200, &[], r#"{"items": []}"#))
            }
            _ => refused(),
        }
    }
}

fn refreshes(server: &FakeServer) -> usize {
    server.received().iter().filter(|request| request.line.ends_with("/auth/refresh")).count()
}

async fn expired(server: &FakeServer) -> Client {
    let client = server.client();
    client.sign_in("ada@example.org", "secret").await.unwrap();
    client
}

#[test]
fn concurrent_calls_wait_for_one_refresh() {
    let server = FakeServer::start(expiring(Duration::from_millis(100)));
    run(async {
        let client = expired(&server).await;
        for books in join_all((0..10).map(|_| async { client.list::<Book>().await })).await {
            books.unwrap();
        }
    });
    assert_eq!(refreshes(&server), 1);
}

#[test]
fn cancelled_call_loses_no_tokens() {
    let server = FakeServer::start(expiring(Duration::from_millis(200)));
    run(async {
        let client = expired(&server).await;
        let call = async { client.list::<Book>().await };
        tokio::time::timeout(Duration::from_millis(100), call).await.unwrap_err();
        client.list::<Book>().await.unwrap();
    });
    assert_eq!(refreshes(&server), 1);
}

#[test]
fn token_without_session_is_sent_once() {
    let server = FakeServer::start(expiring(Duration::ZERO));
    let client = server.builder().token("access-0").build().unwrap();
    assert_eq!(run(async { status(client.list::<Book>().await) }), 401);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn token_is_refreshed_before_it_expires() {
    let server = FakeServer::start(|index, request| {
        let (number, lifetime) = if index == 0 { (0, 20) } else { (1, 900) };
        Some(match request.line.as_str() {
            "GET /api/v1/books" => {
                assert_eq!(request.headers["authorization"], "Bearer access-1");
                response(200, &[], r#"{"items": []}"#)
            }
            _ => response(
                200,
                &[],
                &format!(
                    r#"{{"access_token": "access-{number}", "refresh_token": "r", "expires_in": {lifetime},
                "user": {{"uid": "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47", "username": "ada", "email": "ada@example.org", "role": "user"}}}}"#
                ),
            ),
        })
    });
    run(async {
        let client = expired(&server).await;
        for _ in 0..2 {
            client.list::<Book>().await.unwrap();
        }
    });
    assert_eq!(refreshes(&server), 1);
}

#[test]
fn next_call_retries_lost_refresh() {
    let respond = expiring(Duration::ZERO);
    let server = FakeServer::start(move |index, request| {
        // After the sign-in and a refused request.
        if index == 2 { None } else { respond(index, request) }
    });
    run(async {
        let client = expired(&server).await;
        assert!(matches!(client.list::<Book>().await, Err(Error::Connection(_))));
        client.list::<Book>().await.unwrap();
    });
    assert_eq!(refreshes(&server), 2);
}

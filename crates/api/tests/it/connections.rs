//! Clients that are slow, too many, or gone. The limits are not in the database, so SQLite is
//! enough for most.

use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use recto_api::{ConnectionLimits, Settings};
use recto_domain::{Book, IdGenerator as _, Input as _, NewBook, NewReview, Review, Tag, TagName};
use recto_persistence::{Connection, Error, SystemIds};
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Map, json};

use crate::support::assertions::Expect as _;
use crate::support::fixtures::write_rows;
use crate::support::limits::server_with;
use crate::support::raw_http::{RawConnection, parse};

const SHORT: Duration = Duration::from_millis(300);

/// The size of a body that is counted.
const LARGE: usize = 100_000;

/// A file of more than a megabyte.
const LARGE_FILE: &str = "/docs/swagger-ui-bundle.js";

fn server(connections: ConnectionLimits) -> TestServer {
    server_with(Settings { connections, ..TestServer::settings() })
}

/// Returns the head of a sign-in whose body has so many bytes.
fn sign_in_head(length: usize) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Returns how often something was refused.
fn refused(server: &TestServer, reason: &str) -> u64 {
    let refusals = server.connection_counters().refusals;
    refusals.iter().find(|one| one.reason == reason).unwrap().count
}

/// Waits until a condition holds.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn late_head_is_408() {
    let server = server(ConnectionLimits { request: SHORT, ..Default::default() });
    let mut connection = RawConnection::open(&server);
    connection.send(b"GET /livez HTTP/1.1\r\nhost:");
    let response = parse(&connection.rest()).unwrap();
    assert_eq!((response.status, response.header("connection")), (408, Some("close")));
    assert_eq!(refused(&server, "late-head"), 1);
    server.get("/livez").expect_status(200);
}

#[test]
fn late_body_is_a_problem() {
    let server = server(ConnectionLimits { request: SHORT, ..Default::default() });
    let chunked = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                   transfer-encoding: chunked\r\n\r\n5\r\n{\"ema\r\n";
    for request in [sign_in_head(100) + "{\"email\":", chunked.to_owned()] {
        let mut connection = RawConnection::open(&server);
        connection.send(request.as_bytes());
        let response = parse(&connection.rest()).unwrap();
        response.expect_problem("request-timeout");
        assert_eq!(response.header("connection"), Some("close"));
    }
    assert_eq!(refused(&server, "late-body"), 2);
}

#[test]
fn single_bytes_do_not_extend_deadline() {
    let server = server(ConnectionLimits { request: SHORT, ..Default::default() });
    for head in ["GET /livez HTTP/1.1\r\nx: ".to_owned(), sign_in_head(LARGE)] {
        let mut connection = RawConnection::open(&server);
        assert!(connection.send(head.as_bytes()));
        let start = Instant::now();
        while connection.send(b"x") {
            assert!(start.elapsed() < Duration::from_secs(20), "still open: {head}");
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn unread_body_does_not_hold_connection() {
    let server = server(ConnectionLimits { request: SHORT, ..Default::default() });
    let mut connection = RawConnection::open(&server);
    connection.send(
        b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    connection.response().unwrap().expect_problem("not-found");
    let start = Instant::now();
    while connection.send(b"1\r\nx\r\n") {
        assert!(start.elapsed() < Duration::from_secs(20), "still open");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_request_has_its_own_deadline() {
    let server = server(ConnectionLimits { request: SHORT, write: SHORT, ..Default::default() });
    let mut connection = RawConnection::open(&server);
    let sign_in = sign_in_head(2) + "{}";
    // Three times the deadline in total.
    for _ in 0..5 {
        assert!(connection.send_get("/livez"));
        connection.response().unwrap().expect_status(200);
        sleep(SHORT / 3);
        assert!(connection.send(sign_in.as_bytes()));
        connection.response().unwrap().expect_problem("invalid-body");
        sleep(SHORT / 3);
    }
}

#[test]
fn idle_connection_is_closed_without_response() {
    let server = server(ConnectionLimits { idle: SHORT, ..Default::default() });
    assert!(RawConnection::open(&server).rest().is_empty());
    let mut used = RawConnection::open(&server);
    used.send_get("/livez");
    used.response().unwrap().expect_status(200);
    assert!(used.rest().is_empty());
    wait_until("connections are counted", || server.connection_counters().open == 0);
}

#[test]
fn connections_of_an_address_are_limited() {
    let limits = ConnectionLimits { connections_per_address: 2, ..Default::default() };
    let server = server(limits.clone());
    let open = || RawConnection::open(&server);
    let mut first = [open(), open()];
    wait_until("both are open", || server.connection_counters().open == 2);
    assert!(open().rest().is_empty());
    assert_eq!(refused(&server, "connections-per-address"), 1);
    for connection in &mut first {
        connection.send_get("/livez");
        connection.response().unwrap().expect_status(200);
    }
    drop(first);
    wait_until("both are closed", || server.connection_counters().open == 0);
    server.get("/livez").expect_status(200);

    // A trusted proxy has connections of many clients.
    let trusted_proxies = "127.0.0.1".parse().unwrap();
    let server =
        server_with(Settings { connections: limits, trusted_proxies, ..TestServer::settings() });
    let mut open: Vec<_> = (0..5).map(|_| RawConnection::open(&server)).collect();
    for connection in &mut open {
        connection.send_get("/livez");
        connection.response().unwrap().expect_status(200);
    }
}

#[test]
fn connections_are_limited_in_total() {
    let server = server(ConnectionLimits { connections: 2, ..Default::default() });
    let _first = [RawConnection::open(&server), RawConnection::open(&server)];
    assert!(RawConnection::open(&server).rest().is_empty());
    assert_eq!(refused(&server, "connections"), 1);
}

#[test]
fn unfinished_bodies_share_a_budget() {
    let server = server(ConnectionLimits { request_bodies: 300_000, ..Default::default() });
    let part = vec![b' '; LARGE];
    let mut unfinished: Vec<_> = (0..4).map(|_| RawConnection::open(&server)).collect();
    for connection in &mut unfinished {
        connection.send(sign_in_head(LARGE + 10).as_bytes());
        connection.send(&part);
    }
    wait_until("two are refused", || refused(&server, "request-bodies") == 2);
    assert!(server.connection_counters().request_body_bytes <= 300_000);
    // A small body is not counted.
    let small = json!({"email": "nobody@example.org", "password": "not a password"});
    server.anonymous().post("/auth/login", &small).expect_problem("wrong-credentials");
    // One more is refused at once, and can be sent again.
    let mut connection = RawConnection::open(&server);
    connection.send(sign_in_head(LARGE).as_bytes());
    connection.send(&part);
    let response = connection.response().unwrap();
    response.expect_problem("overloaded");
    assert!(response.header("retry-after").is_some());
    drop(unfinished);
    wait_until("memory is free again", || server.connection_counters().request_body_bytes == 0);
    let body = format!("{{\"email\":\"{}\"}}", "x".repeat(LARGE));
    let headers = [("content-type", "application/json")];
    server
        .anonymous()
        .send("POST", "/auth/login", &headers, Some(body.as_bytes()))
        .expect_problem("invalid-body");
}

#[test]
fn invalid_patches_share_the_budget() {
    let server = server(ConnectionLimits { request_bodies: 1_000_000, ..Default::default() });
    let ada = server.sign_up("ada");
    let patch = |count: usize| {
        let fields = (0..count).map(|number| (format!("x{number}"), json!(0)));
        ada.patch("/auth/me", &fields.collect::<Map<_, _>>().into())
    };
    patch(1_000).expect_problem("invalid-body");
    // The text has less than 150 kB.
    patch(16_000).expect_problem("overloaded");
    assert_eq!(refused(&server, "request-bodies"), 1);
    wait_until("memory is free again", || server.connection_counters().request_body_bytes == 0);
}

#[test]
fn body_with_many_values_is_refused() {
    let server = server(ConnectionLimits::default());
    let client = server.anonymous();
    client.post("/auth/login", &json!(vec![0; 49_998])).expect_problem("invalid-body");
    client.post("/auth/login", &json!(vec![0; 50_001])).expect_problem("too-large");
}

/// Opens connections that ask for a large file often and read nothing.
fn stalled_readers(server: &TestServer, count: usize) -> Vec<RawConnection> {
    let open = |_| {
        let mut connection = RawConnection::open(server);
        // More than the system's buffers hold.
        (0..20).for_each(|_| _ = connection.send_get(LARGE_FILE));
        connection
    };
    (0..count).map(open).collect()
}

#[test]
fn slow_reader_is_cut_off() {
    let server = server(ConnectionLimits { write: SHORT, ..Default::default() });
    let whole = server.get(LARGE_FILE).body.len();
    let readers = stalled_readers(&server, 3);
    wait_until("all are cut off", || refused(&server, "slow-reader") == 3);
    wait_until("memory is free again", || server.connection_counters().response_bytes == 0);
    for reader in readers {
        assert!(reader.rest().len() < 20 * whole);
    }
}

#[test]
fn steady_reader_gets_everything() {
    let server = server(ConnectionLimits { write: SHORT, ..Default::default() });
    let whole = server.get(LARGE_FILE).body;
    let [mut reader] = <[_; 1]>::try_from(stalled_readers(&server, 1)).ok().unwrap();
    // In total this takes longer than the deadline of a piece.
    for _ in 0..20 {
        assert_eq!(reader.response().unwrap().body, whole);
        sleep(SHORT / 10);
    }
    assert_eq!(refused(&server, "slow-reader"), 0);
}

#[test]
fn responses_share_a_budget() {
    let server = server(ConnectionLimits::default());
    let size = server.get(LARGE_FILE).body.len();
    drop(server);
    // Enough for one response and those that are almost sent.
    let responses = size + 200_000;
    let server = self::server(ConnectionLimits { responses, ..Default::default() });
    let readers = stalled_readers(&server, 3);
    wait_until("memory is used up", || server.get(LARGE_FILE).status == 503);
    let response = server.get(LARGE_FILE);
    response.expect_problem("overloaded");
    assert!(response.header("retry-after").is_some());
    assert!(refused(&server, "responses") > 0);
    assert!(server.connection_counters().response_bytes <= responses);
    server.get("/books").expect_status(200);
    drop(readers);
    wait_until("memory is free again", || server.connection_counters().response_bytes == 0);
    assert_eq!(server.get(LARGE_FILE).body.len(), size);
}

#[test]
fn pipelined_requests_are_all_answered() {
    const COUNT: usize = 5_000;
    let server = server(ConnectionLimits::default());
    let mut connection = RawConnection::open(&server);
    let mut sender = connection.another_half();
    std::thread::scope(|scope| {
        scope.spawn(move || assert!((0..COUNT).all(|_| sender.send_get("/livez"))));
        for _ in 0..COUNT {
            connection.response().unwrap().expect_status(200);
        }
    });
}

/// Creates a user's reviews with 40 kB each.
fn create_long_reviews(server: &TestServer, user: &str, count: usize) {
    let user = user.parse().unwrap();
    let new = |number| {
        let body = json!({"title": format!("Volume {number}"), "author": "Various"});
        let book = Book::new(SystemIds.new_id(), NewBook::parse(&body).unwrap(), None);
        let body = json!({"rating": 3, "review_text": "é".repeat(20_000)});
        let review = NewReview::parse(&body).unwrap();
        (book.clone(), Review::new(SystemIds.new_id(), review, user, book.uid))
    };
    let rows: Vec<_> = (0..count).map(new).collect();
    write_rows(server, move |conn| {
        for (book, review) in &rows {
            conn.insert(book.clone())?;
            conn.insert(review.clone())?;
        }
        Ok(())
    });
}

fn stalled_export_holds_little(server: &TestServer) {
    let ada = server.sign_up("ada");
    // More than the system's buffers hold.
    create_long_reviews(server, &ada.uid, 600);
    let mut connection = RawConnection::open(server);
    let token = ada.token.as_deref().unwrap();
    let request = format!(
        "GET /api/v1/auth/me/export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    assert!(connection.send(request.as_bytes()));
    wait_until("the export is under way", || server.connection_counters().response_bytes > 0);
    // Nothing else waits for it, but another export of the account.
    ada.get("/auth/me").expect_status(200);
    ada.get("/auth/me/export").expect_problem("too-many-requests");
    assert!(server.connection_counters().response_bytes <= 4 << 20);
    let sent = connection.rest();
    assert!(sent.len() > 600 * 40_000, "{} bytes", sent.len());
    assert!(sent.ends_with(b"}\r\n0\r\n\r\n"));
    ada.get("/auth/me/export").expect_status(200);
}

fn request_of_gone_client_ends(server: &TestServer) {
    expect_end_without_client(server, 0);
}

fn pipelined_requests_of_gone_client_end(server: &TestServer) {
    expect_end_without_client(server, 2_000);
}

/// Sends a request that has to wait, and `further` requests, and closes the connection.
fn expect_end_without_client(server: &TestServer, further: usize) {
    let ada = server.sign_up("ada");
    let server = &server.another(Settings {
        connections: ConnectionLimits { idle: SHORT, ..Default::default() },
        ..TestServer::settings()
    });
    // Its thread has started, and the connection of this request is closed.
    server.get("/livez").expect_status(200);
    wait_until("the server is idle", || server.connection_counters().open == 0);
    let database = server.database().open();
    let (held, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        // Another program holds what the request needs.
        scope.spawn(move || {
            let held = move |conn: &mut Connection| {
                conn.insert(Tag::new(SystemIds.new_id(), TagName::parse("latin").unwrap()))?;
                held.send(()).unwrap();
                let _ = released.recv();
                Ok::<(), Error>(())
            };
            database.write_blocking(held)
        });
        is_held.recv().unwrap();
        let mut connection = RawConnection::open(server);
        let body = r#"{"name": "latin"}"#;
        let request = format!(
            "POST /api/v1/tags HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            ada.token.as_deref().unwrap(),
            body.len()
        );
        assert!(connection.send(request.as_bytes()));
        // More than the server reads while it works.
        assert!(
            connection.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".repeat(further).as_bytes())
        );
        sleep(SHORT);
        assert_eq!(server.connection_counters().open, 1);
        let start = Instant::now();
        drop(connection);
        wait_until("the connection is closed", || server.connection_counters().open == 0);
        // The database would wait longer.
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        drop(release);
    });
}

both_servers!(
    request_of_gone_client_ends,
    pipelined_requests_of_gone_client_end,
    stalled_export_holds_little
);

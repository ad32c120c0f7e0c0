//! How `recto serve` stops while clients are connected.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::program::{Program, RunningServer};

/// More than the server needs to handle a signal.
const MOMENT: Duration = Duration::from_millis(200);

both_engines!(
    delay_lets_balancers_notice,
    stalled_body_is_answered_at_deadline,
    second_signal_cuts_connections_off,
    open_connection_is_answered_after_signal,
);

// Other systems cannot ignore attempts to connect.
#[cfg(target_os = "linux")]
both_engines!(keep_alive_clients_see_no_reset);

fn program_on(database: &FreshDatabase) -> Program {
    Program::on(database).with("RECTO_SECRET", "a secret of thirty-two bytes or more")
}

/// Starts a server with one thread, and waits until the thread serves.
fn serve(program: &Program, arguments: &[&str]) -> (RunningServer, String) {
    let mut server = program.serve(&[&["--workers", "1"], arguments].concat());
    let address = server.address().trim_start_matches("http://").to_owned();
    get(&mut TcpStream::connect(&address).unwrap(), "/livez");
    sleep(MOMENT);
    (server, address)
}

fn send_get(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
}

/// Sends a request on a connection that stays open, and returns the head of the response.
fn get(stream: &mut TcpStream, path: &str) -> String {
    send_get(stream, path);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head
}

fn rest(mut stream: TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    rest
}

fn delay_lets_balancers_notice(database: &FreshDatabase) {
    let program = program_on(database);
    let (server, address) = serve(&program, &["--drain-delay", "2"]);
    let mut stream = TcpStream::connect(&address).unwrap();
    assert!(get(&mut stream, "/readyz").starts_with("HTTP/1.1 200 "));
    server.signal("TERM");
    sleep(MOMENT);
    // Open and new connections are served, for one request each.
    let head = get(&mut stream, "/livez");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("connection: close"), "{head}");
    assert_eq!(rest(stream), "");
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = get(&mut stream, "/readyz");
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: "), "{head}");
    let mut stream = TcpStream::connect(&address).unwrap();
    assert!(get(&mut stream, "/api/v1/books").starts_with("HTTP/1.1 200 "));
    server.wait().succeeded();
    assert!(TcpStream::connect(address).is_err());
}

fn stalled_body_is_answered_at_deadline(database: &FreshDatabase) {
    let program = program_on(database);
    let (server, address) = serve(&program, &[]);
    let mut stalled = TcpStream::connect(&address).unwrap();
    write!(
        stalled,
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    )
    .unwrap();
    let mut idle = TcpStream::connect(&address).unwrap();
    get(&mut idle, "/livez");
    server.signal("TERM");
    // The idle connection is closed, the other one gets its response.
    assert_eq!(rest(idle), "");
    let response = rest(stalled);
    assert!(
        response.starts_with("HTTP/1.1 408 ") && response.contains("connection: close"),
        "{response}"
    );
    server.wait().succeeded();
}

fn second_signal_cuts_connections_off(database: &FreshDatabase) {
    let program = program_on(database);
    let (server, address) = serve(&program, &[]);
    let mut stalled = TcpStream::connect(&address).unwrap();
    write!(stalled, "GET /livez HTTP/1.1\r\n").unwrap();
    sleep(MOMENT);
    server.signal("TERM");
    sleep(MOMENT);
    server.signal("TERM");
    let ended = server.wait();
    assert!(ended.stderr.contains("connections were cut off"), "{}", ended.stderr);
    ended.succeeded();
    let mut response = String::new();
    let _ = stalled.read_to_string(&mut response);
    assert_eq!(response, "");
}

fn open_connection_is_answered_after_signal(database: &FreshDatabase) {
    let program = program_on(database);
    let (server, address) = serve(&program, &[]);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /livez HTTP/1.1\r\n").unwrap();
    sleep(MOMENT);
    server.signal("INT");
    sleep(MOMENT);
    write!(stream, "host: x\r\n\r\n").unwrap();
    let response = rest(stream);
    assert!(
        response.starts_with("HTTP/1.1 200 ") && response.contains("connection: close"),
        "{response}"
    );
    server.wait().succeeded();
}

/// Sends requests until connections are refused, and returns the number of responses.
///
/// # Panics
/// If a response is cut off, or a connection is reset or closed without notice.
#[cfg(target_os = "linux")]
fn browse(address: &str) -> usize {
    let mut served = 0;
    loop {
        let mut stream = match TcpStream::connect(address) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return served,
            stream => stream.unwrap(),
        };
        while !get(&mut stream, "/api/v1/tags").contains("connection: close") {
            served += 1;
        }
        served += 1;
        assert_eq!(rest(stream), "");
    }
}

#[cfg(target_os = "linux")]
fn keep_alive_clients_see_no_reset(database: &FreshDatabase) {
    let program = program_on(database);
    let (server, address) = serve(&program, &["--drain-delay", "1"]);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| browse(&address))).collect();
        sleep(MOMENT);
        server.signal("TERM");
        for client in clients {
            assert!(client.join().unwrap() > 1);
        }
    });
    server.wait().succeeded();
}

/// The mail worker waits for the database meanwhile, on a connection that it had before.
#[cfg(target_os = "linux")]
#[test]
fn frozen_database_does_not_delay_end() {
    let Some(cluster) = recto_testkit::postgres::Cluster::dedicated() else { return };
    let database = recto_testkit::database::fresh_on(&cluster);
    let program = program_on(&database);
    let (server, _) = serve(&program, &[]);
    let counted = "SELECT '1' AS line FROM pg_stat_activity \
                   WHERE query LIKE 'SELECT COUNT(*) FROM \"mails\"%' AND state = 'idle'";
    while database.rows(counted).is_empty() {
        sleep(MOMENT);
    }
    let _paused = cluster.pause();
    // The worker polls every five seconds.
    sleep(Duration::from_secs(6));
    server.signal("TERM");
    let since = std::time::Instant::now();
    let ended = server.wait();
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    let log = &ended.stderr;
    for warning in ["the mail worker was aborted", "the database was not closed in time"] {
        assert!(log.contains(warning), "{log}");
    }
    assert!(!log.contains("connections were cut off"), "{log}");
    ended.succeeded();
}

#[test]
fn connection_options_take_effect() {
    let program = Program::new().with("RECTO_MAX_CONNECTIONS_PER_ADDRESS", "1");
    let (server, address) = serve(&program, &["--max-connections", "2"]);
    let mut first = TcpStream::connect(&address).unwrap();
    get(&mut first, "/livez");
    assert_eq!(rest(TcpStream::connect(address).unwrap()), "");
    server.signal("TERM");
    let ended = server.wait();
    assert!(ended.stderr.contains("--max-connections-per-address"), "{}", ended.stderr);
    ended.succeeded();
    let error = program.run(&["serve", "--max-connections", "0"]).failed(2);
    assert!(error.contains("--max-connections"), "{error}");
}

//! Requests that a regular client cannot send, and panics of the server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, Once};
use std::time::Duration;

use recto_testkit::server::{Answer, TestServer};
use serde_json::Value;

/// Sends bytes and reads until the server closes the connection; `None` if it sends no response.
pub(crate) fn send_bytes(server: &TestServer, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    parse(&response)
}

/// Sends a request line without a body; the target is sent as it is.
pub(crate) fn send_line(server: &TestServer, method: &str, target: &str) -> Option<Answer> {
    let request =
        format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", "recto");
    send_bytes(server, request.as_bytes())
}

fn parse(response: &[u8]) -> Option<Answer> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end]).expect("headers are ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = response[end + 4..].to_vec();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Answer { status, headers, body, json })
}

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Returns the panics of server threads since the first call.
///
/// Test threads have the names of their tests; a panic there is a failed assertion.
pub(crate) fn panics() -> Vec<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if ["actix", "recto", "tokio"].iter().any(|part| name.contains(part)) {
                PANICS.lock().unwrap().push(format!("{name}: {panic}"));
            }
            previous(panic);
        }));
    });
    PANICS.lock().unwrap().clone()
}

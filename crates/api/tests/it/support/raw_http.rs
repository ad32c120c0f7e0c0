//! What a well-behaved client cannot send, and what must not happen in a server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, Once};
use std::time::Duration;

use recto_testkit::server::{Answer, TestServer};
use serde_json::Value;

/// Sends bytes as they are and reads what comes back until the server hangs up
/// or the response is complete; `None` if nothing comes.
pub(crate) fn raw(server: &TestServer, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // A server may refuse before it has read everything.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    read(&response)
}

/// A request line and headers, after which the connection is closed.
pub(crate) fn line(server: &TestServer, method: &str, target: &str) -> Option<Answer> {
    let request =
        format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", "recto");
    raw(server, request.as_bytes())
}

fn read(response: &[u8]) -> Option<Answer> {
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

/// The panics of threads that are not a test's own, from the first call on.
///
/// Tests run on threads that bear their names, which end in an engine's; a
/// panic there is a failed assertion.
pub(crate) fn panics() -> Vec<String> {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if name.contains("actix") || name.contains("recto") || name.contains("tokio") {
                PANICS.lock().unwrap().push(format!("{name}: {panic}"));
            }
            before(panic);
        }));
    });
    PANICS.lock().unwrap().clone()
}

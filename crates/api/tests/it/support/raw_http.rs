//! Requests that a regular client cannot send, and panics of the server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, Once};
use std::time::Duration;

use recto_testkit::server::{Response, TestServer};
use serde_json::Value;

/// Sends bytes and reads until the server closes the connection; `None` if it sends no response.
pub(crate) fn send_bytes(server: &TestServer, request: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    parse(&response)
}

/// Sends a request line without a body; the target is sent as it is.
pub(crate) fn send_line(server: &TestServer, method: &str, target: &str) -> Option<Response> {
    let request =
        format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", "recto");
    send_bytes(server, request.as_bytes())
}

/// A connection of which a test sends and reads every byte.
pub(crate) struct RawConnection(TcpStream);

impl RawConnection {
    /// Connects to a server.
    pub(crate) fn open(server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// Returns the same connection again, for another thread.
    pub(crate) fn another_half(&self) -> Self {
        Self(self.0.try_clone().unwrap())
    }

    /// Sends bytes, and returns whether the server still takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Sends a GET request on a connection that stays open.
    pub(crate) fn send_get(&mut self, target: &str) -> bool {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
    }

    /// Reads one response, whose length has to be in its head; `None` at the end.
    pub(crate) fn response(&mut self) -> Option<Response> {
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.0.read(&mut byte).ok()? == 0 {
                return None;
            }
            response.push(byte[0]);
        }
        let length = parse(&response)?.header("content-length")?.parse().expect("a number");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        response.extend(body);
        parse(&response)
    }

    /// Reads until the server closes the connection, and returns what it has sent.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut sent) {
            let reset = std::io::ErrorKind::ConnectionReset;
            assert_eq!(error.kind(), reset, "the server did not close the connection: {error}");
        }
        sent
    }
}

/// Parses a response.
pub(crate) fn parse(response: &[u8]) -> Option<Response> {
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
    Some(Response { status, headers, body, json })
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

//! Clients that send what they want, as slowly as they want.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// The address of a client that is not part of an attack.
pub(crate) const BYSTANDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The number of connections from one address of an attacker, below the limit for an address.
const PER_ADDRESS: usize = 200;

/// How long a client waits for a response.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How long a client waits for a response that should come at once.
pub(crate) const BRIEFLY: Duration = Duration::from_secs(10);

/// A response.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The status line and the headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Returns the address of a connection of an attack.
pub(crate) fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(1 + number / PER_ADDRESS).unwrap_or(u8::MAX))
}

/// Connects from an address.
pub(crate) fn connect(server: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    connect_with_window(server, from, None)
}

/// Connects from an address, with a receive buffer of this size.
pub(crate) fn connect_with_window(
    server: SocketAddr,
    from: Ipv4Addr,
    window: Option<usize>,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(window) = window {
        socket.set_recv_buffer_size(window)?;
    }
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    socket.connect_timeout(&server.into(), Duration::from_secs(5))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Formats a request without a body.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: recto.test\r\n\r\n")
}

/// Formats the head of a request with JSON.
pub(crate) fn head(method: &str, path: &str, token: &str, length: usize) -> String {
    let authorization =
        if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: recto.test\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Sends a request and reads its response.
pub(crate) fn exchange(stream: &mut TcpStream, request: &str) -> io::Result<Response> {
    stream.write_all(request.as_bytes())?;
    read_response(stream)
}

/// Reads a response with `Content-Length`, or without a body.
pub(crate) fn read_response(stream: &mut TcpStream) -> io::Result<Response> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        if let Some(response) = end.and_then(|end| complete(&bytes, end)) {
            return Ok(response);
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            // A child process, such as the one that sends a signal, has ended.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn complete(bytes: &[u8], end: usize) -> Option<Response> {
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let body = bytes.get(end..end + length)?.to_vec();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Some(Response { status, head, body })
}

/// Sends a request on a connection of its own. Returns the status, 0 without a response, and the
/// time it took.
pub(crate) fn timed(server: SocketAddr, from: Ipv4Addr, request: &str) -> (u16, Duration) {
    timed_within(server, from, request, PATIENCE)
}

/// As [`timed`], but waits only this long for a response.
pub(crate) fn timed_within(
    server: SocketAddr,
    from: Ipv4Addr,
    request: &str,
    patience: Duration,
) -> (u16, Duration) {
    let since = Instant::now();
    let response = connect(server, from).and_then(|mut stream| {
        stream.set_read_timeout(Some(patience))?;
        exchange(&mut stream, request)
    });
    (response.map_or(0, |response| response.status), since.elapsed())
}

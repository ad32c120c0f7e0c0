//! A server whose responses are set by a test.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use recto_client::{Builder, Client, reqwest};

/// A request that the server has received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Method and path with query.
    pub(crate) line: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// A server on its own port. Each connection is closed after one response.
pub(crate) struct FakeServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl FakeServer {
    /// Starts a server. `respond` returns the response to a request, of which it gets the index;
    /// for `None` the connection is closed without one.
    pub(crate) fn start(
        respond: impl Fn(usize, &Received) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (respond, log) = (Arc::new(respond), Arc::clone(&received));
        // They end with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, log) = (Arc::clone(&respond), Arc::clone(&log));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let index = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    if let Some(text) = respond(index, &request) {
                        // The client may have given up.
                        let _ = stream.write_all(text.as_bytes());
                    }
                });
            }
        });
        Self { address, received }
    }

    /// Returns a client without a token.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// Returns the settings of a client.
    pub(crate) fn builder(&self) -> Builder {
        Client::builder(format!("http://{}", self.address))
            .http(reqwest::Client::builder().no_proxy().tls_certs_only([]))
    }

    /// Returns the requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Returns the values of a header of the requests so far; `-` where there is none.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let value = |request: &Received| request.headers.get(name).cloned();
        self.received().iter().map(|request| value(request).unwrap_or("-".to_owned())).collect()
    }
}

impl Received {
    /// Sends the request to a server, and returns its response.
    pub(crate) fn forward(&self, address: SocketAddr) -> String {
        let Self { line, headers, body } = self;
        let kept = headers.iter().filter(|(name, _)| *name != "connection");
        let kept: Vec<_> = kept.map(|(name, value)| format!("{name}: {value}")).collect();
        let kept = kept.join("\r\n");
        let request = format!("{line} HTTP/1.1\r\n{kept}\r\nconnection: close\r\n\r\n{body}");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

/// Returns a response of JSON.
pub(crate) fn response(status: u16, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<_, _> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

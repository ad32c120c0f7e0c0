//! What is sent, and what `wrk` says of it.

use std::fmt::Write as _;
use std::process::Command;

/// Requests of one kind, to be repeated in turn.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) requests: Vec<Request>,
}

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Option<String>,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p99: String,
    pub(crate) errors: u64,
}

const CONNECTIONS: &str = "32";
const DURATION: &str = "5s";

impl Load {
    /// Sends the requests in turn for some seconds, to `http://HOST:PORT`.
    pub(crate) fn run(&self, address: &str) -> Measured {
        let script = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(script.path(), self.script()).expect("it can be written");
        let output = Command::new("wrk")
            .args(["-t", "1", "-c", CONNECTIONS, "-d", DURATION, "--latency", "-s"])
            .arg(script.path())
            .arg(address)
            .output()
            .expect("wrk is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let after = |label: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
            line.map(|rest| rest.trim().to_owned())
        };
        Measured {
            per_second: after("Requests/sec:").and_then(|n| n.parse().ok()).expect("wrk says"),
            p99: after("99%").unwrap_or_default(),
            errors: after("Non-2xx or 3xx responses:").and_then(|n| n.parse().ok()).unwrap_or(0),
        }
    }

    /// Requests are put together before the clock starts.
    fn script(&self) -> String {
        let mut lua = String::from("local requests = {}\ninit = function(args)\n");
        for request in &self.requests {
            let mut headers = String::new();
            if let Some(token) = &request.token {
                let _ = write!(headers, "[\"Authorization\"]=\"Bearer {token}\",");
            }
            if request.body.is_some() {
                headers.push_str("[\"Content-Type\"]=\"application/json\",");
            }
            let body = request.body.as_ref().map_or("nil".to_owned(), |body| format!("[[{body}]]"));
            let _ = writeln!(
                lua,
                "  requests[#requests + 1] = wrk.format(\"{}\", [[{}]], {{{headers}}}, {body})",
                request.method, request.path
            );
        }
        lua.push_str(
            "end\nlocal i = 0\nrequest = function()\n  i = i % #requests + 1\n  return requests[i]\nend\n",
        );
        lua
    }
}

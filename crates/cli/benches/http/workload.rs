//! Requests to measure, and their measurement with `wrk`.

use std::fmt::Write as _;
use std::process::Command;

/// Requests of one kind, sent in turn.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) requests: Vec<Request>,
}

#[derive(Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    /// Another header: name and value.
    pub(crate) header: Option<(&'static str, String)>,
    pub(crate) body: Option<String>,
}

pub(crate) struct Measurement {
    pub(crate) per_second: f64,
    pub(crate) p99: String,
    pub(crate) errors: u64,
}

const CONNECTIONS: &str = "32";
const DURATION: &str = "5s";

impl Workload {
    /// Sends the requests in turn for [`DURATION`], to `http://HOST:PORT`.
    pub(crate) fn run(&self, address: &str) -> Measurement {
        let file = || tempfile::NamedTempFile::new().expect("a temporary file can be created");
        let (script, requests) = (file(), file());
        std::fs::write(script.path(), SCRIPT).expect("it can be written");
        std::fs::write(requests.path(), self.lines()).expect("it can be written");
        let output = Command::new("wrk")
            .args(["-t", "1", "-c", CONNECTIONS, "-d", DURATION, "--latency", "-s"])
            .arg(script.path())
            .arg(address)
            .arg("--")
            .arg(requests.path())
            .output()
            .expect("wrk is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.is_empty(), "{errors}");
        let after = |label: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
            line.map(|rest| rest.trim().to_owned())
        };
        Measurement {
            per_second: after("Requests/sec:").and_then(|n| n.parse().ok()).expect("wrk prints it"),
            p99: after("99%").unwrap_or_default(),
            errors: after("Non-2xx or 3xx responses:").and_then(|n| n.parse().ok()).unwrap_or(0),
        }
    }

    /// Formats the requests, one per line: method, path, token, header and body.
    fn lines(&self) -> String {
        let mut lines = String::new();
        for Request { method, path, token, header, body } in &self.requests {
            let (name, value) = header.as_ref().map_or(("", ""), |(name, value)| (*name, value));
            let token = token.as_deref().unwrap_or_default();
            let body = body.as_deref().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{method}\t{path}\t{token}\t{name}\t{value}\t{body}");
        }
        lines
    }
}

/// The script for `wrk`, which builds the requests before the measurement starts.
const SCRIPT: &str = r#"
local requests = {}
init = function(args)
  for line in io.lines(args[1]) do
    local method, path, token, name, value, body =
      line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)")
    local headers = {}
    if name ~= "" then headers[name] = value end
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end
local i = 0
request = function()
  i = i % #requests + 1
  return requests[i]
end
"#;

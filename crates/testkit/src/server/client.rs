//! A client of a test server.

use serde_json::Value;

use super::TestServer;

/// A client of a [`TestServer`], signed in or not.
#[derive(Clone)]
pub struct TestClient<'s> {
    server: &'s TestServer,
    /// The access token, if signed in.
    pub token: Option<String>,
    /// The id of the user; empty if not signed in.
    pub uid: String,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body as JSON, or `null` if it is not JSON.
    pub json: Value,
}

impl Response {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl<'s> TestClient<'s> {
    pub(super) fn new(server: &'s TestServer, token: Option<String>, uid: String) -> Self {
        Self { server, token, uid }
    }
}

impl TestClient<'_> {
    /// Sends a GET request.
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], None)
    }

    /// Sends a DELETE request.
    pub fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, &[], None)
    }

    /// Sends a POST request with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send_json("POST", path, body)
    }

    /// Sends a PUT request with JSON.
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send_json("PUT", path, body)
    }

    /// Sends a PATCH request with a merge patch.
    pub fn patch(&self, path: &str, body: &Value) -> Response {
        self.send_json("PATCH", path, body)
    }

    /// Sends a request with JSON.
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Response {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response {
        let mut request = ureq::http::Request::builder().method(method).uri(self.server.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = match body {
            Some(body) => self.run(request.body(body)),
            None => self.run(request.body(())),
        };
        let mut response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_to_vec()
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Response { status, headers, body, json }
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: Result<ureq::http::Request<B>, ureq::http::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let request = request.map_err(ureq::Error::Http)?;
        // A test may send a body with any method, or none.
        let request = self.server.agent.configure_request(request).allow_non_standard_methods(true);
        self.server.agent.run(request.build())
    }
}

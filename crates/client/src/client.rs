//! The client: its settings, and how it sends requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use crate::Error;
use crate::paths::BASE_PATH;
use crate::request::{ReceivedResponse, Request};
use crate::session::{Credential, bearer};

/// A client of a Recto server.
///
/// Clones are cheap, and share connections and the session. Calls need a tokio runtime with I/O
/// and time. See [the crate](crate) for an example, and for what is retried.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    /// Without a trailing slash.
    base: String,
    timeout: Duration,
    retries: u32,
    credential: Arc<Mutex<Credential>>,
}

/// The settings of a [`Client`].
pub struct Builder {
    base: String,
    token: Option<String>,
    timeout: Duration,
    retries: u32,
    http: Option<reqwest::ClientBuilder>,
}

impl Builder {
    /// Sends this API key or access token. An access token is not refreshed: use
    /// [`Client::sign_in`] for that.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// Sets the longest duration of a call with all of its retries; 30 seconds by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets how often a request is sent again at most; 3 times by default.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Uses these settings of the HTTP client, such as a proxy or certificates.
    ///
    /// By default, a connection must be made within 5 seconds, and each part of a response arrive
    /// within 10.
    #[must_use]
    pub fn http(self, http: reqwest::ClientBuilder) -> Self {
        Self { http: Some(http), ..self }
    }

    /// Returns the client.
    ///
    /// # Errors
    /// [`Error::Settings`] if the base URL is not an `http` or `https` URL, if the token has
    /// characters that no token has, or if the system has no certificates for `https`.
    pub fn build(self) -> Result<Client, Error> {
        let base = self.base.trim_end_matches('/').to_owned();
        let is_base = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(&base).ok().filter(is_base);
        let url =
            url.ok_or_else(|| Error::Settings(format!("{base:?} is not an http or https URL")))?;
        let token = self.token.map(|token| bearer(&token)).transpose()?;
        let http = self
            .http
            .unwrap_or_else(|| default_http(url.scheme() == "https"))
            .user_agent(concat!("recto-client/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(
                ACCEPT,
                HeaderValue::from_static("application/json"),
            )]))
            // The API has none, and the token must not follow one.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        let credential = token.map_or(Credential::None, Credential::Token);
        Ok(Client {
            inner: Arc::new(Inner {
                http,
                base,
                // Times to which longer durations are added could overflow.
                timeout: self.timeout.min(Duration::from_secs(u32::MAX.into())),
                retries: self.retries,
                credential: Arc::new(Mutex::new(credential)),
            }),
        })
    }
}

impl Client {
    /// Returns a client that is not signed in, for the server at a base URL such as
    /// `https://books.example`.
    ///
    /// # Errors
    /// As for [`Builder::build`].
    pub fn new(base_url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(base_url).build()
    }

    /// Returns the default settings for the server at a base URL.
    pub fn builder(base_url: impl Into<String>) -> Builder {
        Builder {
            base: base_url.into(),
            token: None,
            timeout: Duration::from_secs(30),
            retries: 3,
            http: None,
        }
    }

    /// Sends a request for which there is no other method, and returns the body of the response.
    /// `path` is below `/api/v1`, with its query; a response without a body is `()`.
    ///
    /// ```no_run
    /// # async fn example(client: recto_client::Client) -> Result<(), recto_client::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Titles {
    ///     items: Vec<Title>,
    /// }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Title {
    ///     title: String,
    /// }
    ///
    /// let path = "/books?fields=title&limit=100";
    /// let titles: Titles = client.call(recto_client::Method::GET, path, None::<&()>).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let mut request = Request::new(method, format!("{BASE_PATH}{path}"));
        if let Some(body) = body {
            request = request.json(body)?;
        }
        let response = self.send(request).await?;
        match response.body.as_slice() {
            [] => Ok(serde_json::from_slice(b"null")?),
            _ => response.json(),
        }
    }

    pub(crate) fn credential(&self) -> &Arc<Mutex<Credential>> {
        &self.inner.credential
    }

    /// Sends a request with the credential, again where that is safe and may help.
    ///
    /// # Errors
    /// [`Error::Problem`] if the response is neither successful nor a 304.
    pub(crate) async fn send(&self, request: Request) -> Result<ReceivedResponse, Error> {
        let deadline = Instant::now() + self.inner.timeout;
        let sent = timeout_at(deadline, self.send_repeatedly(&request, deadline)).await;
        sent.unwrap_or(Err(Error::TimedOut))
    }

    /// Sends a request once and without a credential.
    pub(crate) async fn send_anonymously(
        &self,
        request: &Request,
    ) -> Result<ReceivedResponse, Error> {
        let deadline = Instant::now() + self.inner.timeout;
        match timeout_at(deadline, self.attempt(request, None)).await {
            Ok(Ok(response)) if response.status.is_success() => Ok(response),
            Ok(Ok(response)) => Err(Error::from(&response)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Error::TimedOut),
        }
    }

    async fn send_repeatedly(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<ReceivedResponse, Error> {
        let mut may_be_done = false;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.attempt_with_credential(request).await?;
            let delay = request.retry_delay(&outcome, attempts);
            let delay = delay.filter(|delay| {
                attempts <= self.inner.retries && Instant::now() + *delay < deadline
            });
            if let Some(delay) = delay {
                may_be_done |= match &outcome {
                    Ok(response) => response.may_be_done(),
                    Err(error) => !error.is_connect(),
                };
                sleep(delay).await;
                continue;
            }
            let response = outcome?;
            return match response.status {
                status if status.is_success() || status == StatusCode::NOT_MODIFIED => Ok(response),
                // Deleted by an earlier attempt, whose response was lost.
                StatusCode::NOT_FOUND if may_be_done && request.method == Method::DELETE => {
                    Ok(response)
                }
                _ => Err(Error::from(&response)),
            };
        }
    }

    /// Sends a request, and once more if the access token has expired.
    async fn attempt_with_credential(
        &self,
        request: &Request,
    ) -> Result<Result<ReceivedResponse, reqwest::Error>, Error> {
        let authorization = self.authorization(None).await?;
        let outcome = self.attempt(request, authorization.as_ref()).await;
        if !outcome.as_ref().is_ok_and(ReceivedResponse::refuses_token) {
            return Ok(outcome);
        }
        let renewed = self.authorization(authorization.as_ref()).await?;
        if renewed == authorization {
            return Ok(outcome);
        }
        Ok(self.attempt(request, renewed.as_ref()).await)
    }

    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<&HeaderValue>,
    ) -> Result<ReceivedResponse, reqwest::Error> {
        let Request { method, path, headers, body } = request;
        let mut sent = self
            .inner
            .http
            .request(method.clone(), format!("{}{path}", self.inner.base))
            .headers(headers.clone());
        if let Some(authorization) = authorization {
            sent = sent.header(AUTHORIZATION, authorization);
        }
        if !body.is_empty() {
            sent = sent.body(body.clone());
        }
        let response = sent.send().await?;
        Ok(ReceivedResponse {
            status: response.status(),
            headers: response.headers().clone(),
            path: path.clone(),
            body: response.bytes().await?.into(),
        })
    }
}

fn default_http(needs_certificates: bool) -> reqwest::ClientBuilder {
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(10))
        // The server closes a connection after 5 seconds without a request.
        .pool_idle_timeout(Duration::from_secs(4));
    // A system without certificates would refuse to build it.
    if needs_certificates { http } else { http.tls_certs_only([]) }
}

/// Leaves the token out.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Leaves the credential out.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

/// The error of a request without a response.
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Connection(error) }
    }
}

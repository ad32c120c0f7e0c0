//! Signing in and out, and refreshing the access token.

use std::time::Duration;

use recto_domain::SignedInUser;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::paths::BASE_PATH;
use crate::request::{ReceivedResponse, Request};
use crate::{Client, Error};

/// An access token that expires within this time is refreshed before it is sent.
const MARGIN: Duration = Duration::from_secs(30);

/// The credential that a client sends. Its values are marked as sensitive, and it is not `Debug`.
pub(crate) enum Credential {
    None,
    /// An API key, or an access token that is not refreshed.
    Token(HeaderValue),
    Session(SessionTokens),
}

pub(crate) struct SessionTokens {
    authorization: HeaderValue,
    refresh_token: String,
    expires_at: Instant,
}

impl Client {
    /// Signs in. This client and its clones send the access token from now on, and exchange it for
    /// the next one before it expires.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedInUser, Error> {
        #[derive(Deserialize)]
        struct Body {
            user: SignedInUser,
        }

        let login = Request::new(Method::POST, format!("{BASE_PATH}/auth/login"))
            .json(&json!({"email": email, "password": password}))?;
        let response = self.send_anonymously(&login).await?;
        let tokens = SessionTokens::of(&response)?;
        *self.credential().lock().await = Credential::Session(tokens);
        Ok(response.json::<Body>()?.user)
    }

    /// Signs out: ends the session on the server, and sends no token any more. A session that has
    /// ended already is not an error.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let ended = self.send(Request::new(Method::POST, format!("{BASE_PATH}/auth/logout"))).await;
        let is_over = |error: &Error| {
            error.problem().is_some_and(|problem| problem.status == StatusCode::UNAUTHORIZED)
        };
        match ended {
            Err(error) if !is_over(&error) => Err(error),
            _ => {
                self.forget_credential().await;
                Ok(())
            }
        }
    }

    pub(crate) async fn forget_credential(&self) {
        *self.credential().lock().await = Credential::None;
    }

    /// Returns the value of `Authorization`, of a new access token if the current one expires or is
    /// the one that has been `refused`.
    ///
    /// Concurrent calls wait for one refresh. It is a task of its own: if the caller is cancelled,
    /// the tokens of the response are stored nevertheless, and the session goes on.
    pub(crate) async fn authorization(
        &self,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Error> {
        let mut credential = self.credential().clone().lock_owned().await;
        let tokens = match &*credential {
            Credential::None => return Ok(None),
            Credential::Token(token) => return Ok(Some(token.clone())),
            Credential::Session(tokens) => tokens,
        };
        let is_refused = refused == Some(&tokens.authorization);
        if !is_refused && Instant::now() < tokens.expires_at {
            return Ok(Some(tokens.authorization.clone()));
        }
        let client = self.clone();
        let refreshed = tokio::spawn(async move {
            if let Credential::Session(tokens) = &mut *credential {
                *tokens = client.refreshed(&tokens.refresh_token).await?;
                return Ok(Some(tokens.authorization.clone()));
            }
            Ok::<_, Error>(None)
        });
        // It is neither aborted nor does it panic; the runtime may stop.
        refreshed.await.unwrap_or(Err(Error::TimedOut))
    }

    /// Returns the next tokens of the session. Sent once: if the response is lost, the server
    /// accepts the refresh token again at the next call.
    async fn refreshed(&self, refresh_token: &str) -> Result<SessionTokens, Error> {
        let refresh = Request::new(Method::POST, format!("{BASE_PATH}/auth/refresh"))
            .json(&json!({"refresh_token": refresh_token}))?;
        SessionTokens::of(&self.send_anonymously(&refresh).await?)
    }
}

impl SessionTokens {
    fn of(response: &ReceivedResponse) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            access_token: String,
            refresh_token: String,
            expires_in: u32,
        }

        let Body { access_token, refresh_token, expires_in } = response.json()?;
        let lifetime = Duration::from_secs(expires_in.into()).saturating_sub(MARGIN);
        Ok(Self {
            authorization: bearer(&access_token)?,
            refresh_token,
            expires_at: Instant::now() + lifetime,
        })
    }
}

/// Returns the value of `Authorization`.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let invalid = |_| Error::Settings("the token has characters that no token has".to_owned());
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

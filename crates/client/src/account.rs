//! The account of the caller: signing up, password, sessions and API keys.

use recto_domain::{
    ApiKey, ApiKeyCreated, ApiKeyId, NewApiKey, ReviewsOnDeletion, Session, SessionId, User,
};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::item::{Item, Page};
use crate::paths::BASE_PATH;
use crate::request::{ReceivedResponse, Request};
use crate::{Client, Error, Read};

/// None of these requests is sent more than once, except for reading.
impl Client {
    /// Creates an account, which can write once the address is [verified](Self::verify).
    pub async fn sign_up(
        &self,
        username: &str,
        email: &str,
        password: &str,
    ) -> Result<Item<User>, Error> {
        let body = json!({"username": username, "email": email, "password": password});
        Item::from_response(&self.send_to(Method::POST, "/auth/signup", &body).await?, None)
    }

    /// Verifies the address of an account with the token that was mailed to it.
    pub async fn verify(&self, token: &str, password: &str) -> Result<Item<User>, Error> {
        let body = json!({"token": token, "password": password});
        Item::from_response(&self.send_to(Method::POST, "/auth/verify", &body).await?, None)
    }

    /// Requests another link to verify an address.
    pub async fn request_verification(&self, email: &str) -> Result<(), Error> {
        self.send_to(Method::POST, "/auth/verify-request", &json!({"email": email})).await?;
        Ok(())
    }

    /// Deletes the unverified account that a mailed token belongs to, which somebody else created.
    pub async fn reject_account(&self, token: &str) -> Result<(), Error> {
        self.send_to(Method::POST, "/auth/verify-reject", &json!({"token": token})).await?;
        Ok(())
    }

    /// Requests a link to reset the password.
    pub async fn request_password_reset(&self, email: &str) -> Result<(), Error> {
        self.send_to(Method::POST, "/auth/password-reset-request", &json!({"email": email}))
            .await?;
        Ok(())
    }

    /// Resets the password with the token that was mailed. All sessions end.
    pub async fn reset_password(&self, token: &str, new: &str) -> Result<(), Error> {
        let body = json!({"token": token, "new_password": new, "confirm_new_password": new});
        self.send_to(Method::POST, "/auth/password-reset-confirm", &body).await?;
        Ok(())
    }

    /// Requests a change of the address: a link is mailed to the new one.
    pub async fn request_email_change(&self, password: &str, new: &str) -> Result<(), Error> {
        let body = json!({"password": password, "new_email": new});
        self.send_to(Method::PUT, "/auth/email", &body).await?;
        Ok(())
    }

    /// Changes the address with the token that was mailed to the new one.
    pub async fn confirm_email_change(&self, token: &str) -> Result<(), Error> {
        self.send_to(Method::POST, "/auth/email-confirm", &json!({"token": token})).await?;
        Ok(())
    }

    /// Changes the password. All other sessions end.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<(), Error> {
        let body = json!({"current_password": current, "new_password": new});
        self.send_to(Method::PUT, "/auth/password", &body).await?;
        Ok(())
    }

    /// Returns everything that belongs to the account.
    pub async fn export(&self) -> Result<Value, Error> {
        let path = format!("{BASE_PATH}/auth/me/export");
        self.send(Request::new(Method::GET, path)).await?.json()
    }

    /// Deletes the account, and keeps or erases its reviews.
    pub async fn delete_account(
        &self,
        password: &str,
        reviews: ReviewsOnDeletion,
    ) -> Result<(), Error> {
        let body = json!({"password": password, "reviews": reviews});
        self.send_to(Method::DELETE, "/auth/me", &body).await?;
        self.forget_credential().await;
        Ok(())
    }

    /// Lists the sessions, newest first.
    pub fn sessions(&self) -> Read<Session, Page<Session>> {
        Read::new(self.clone(), format!("{BASE_PATH}/auth/sessions"))
    }

    /// Ends a session.
    pub async fn end_session(&self, id: SessionId) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("{BASE_PATH}/auth/sessions/{id}"))).await?;
        Ok(())
    }

    /// Lists the API keys without their secrets, newest first.
    pub fn api_keys(&self) -> Read<ApiKey, Page<ApiKey>> {
        Read::new(self.clone(), format!("{BASE_PATH}/auth/keys"))
    }

    /// Creates an API key. Its secret is for [`Builder::token`](crate::Builder::token).
    pub async fn create_api_key(&self, new: &NewApiKey) -> Result<ApiKeyCreated, Error> {
        self.send_to(Method::POST, "/auth/keys", new).await?.json()
    }

    /// Revokes an API key.
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("{BASE_PATH}/auth/keys/{id}"))).await?;
        Ok(())
    }

    async fn send_to(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<ReceivedResponse, Error> {
        self.send(Request::new(method, format!("{BASE_PATH}{path}")).json(body)?).await
    }
}

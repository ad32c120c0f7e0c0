//! API keys, for scripts.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_domain::{ApiKey, ApiKeyId, AuditAction, NewApiKey, Secret};
use recto_persistence::identity::key;
use serde::Serialize;

use crate::BASE_PATH;
use crate::extract::{Body, Caller, NoQuery, RequestOrigin, verified};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// A new key, with the secret that is never shown again.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    entry: &'a ApiKey,
    key: &'a str,
}

/// `POST /auth/keys`
pub(crate) async fn create(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<NewApiKey>,
) -> Result<HttpResponse, Problem> {
    let secret = Secret::api_key(state.ids.random());
    let (new_id, shared) = (state.ids.new_id(), state.clone());
    let (hash, hint) = (secret.hash(), secret.hint().to_owned());
    let made = state
        .write_noting(move |conn, entries| {
            let (account, _) = caller.in_person(conn)?;
            let account = verified(account)?;
            let new = body.checked()?;
            new.check(new_id.at())?;
            let made = ApiKey {
                id: ApiKeyId::from_uuid(new_id.uid()),
                name: new.name,
                scopes: new.scopes,
                hint: hint.clone(),
                created_at: new_id.at(),
                expires_at: new.expires_at,
                last_used_at: None,
            };
            key::insert(conn, account.user_uid, &made, &hash)?;
            let mut entry = witness.entry(&shared, AuditAction::KeyCreated);
            entry.actor_uid = Some(account.user_uid);
            entries.push(entry);
            Ok(made)
        })
        .await?;
    let body = Made { entry: &made, key: secret.expose() };
    let mut response = present::document(StatusCode::CREATED, &body)?;
    let location = format!("{BASE_PATH}/auth/keys/{}", made.id);
    // A path of ASCII letters and digits is always a header value.
    if let Ok(location) = header::HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

//! API keys, for scripts.

use recto_domain::{ApiKey, ApiKeyId, AuditAction, NewApiKey, Secret};
use recto_identity::secret::hash;
use recto_persistence::identity::api_key;
use serde::Serialize;
use utoipa::ToSchema;

use crate::BASE_PATH;
use crate::answer::CreatedJson;
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;

/// A new API key with its secret, which is not shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    entry: ApiKey,
    /// The script sends it as its bearer token. It is not shown again.
    #[schema(examples("recto_key_Wm9laSBpcyByZWFkaW5nIEFlc2NoeWx1cyB0b25pZ2h0"))]
    key: String,
}

/// `POST /auth/keys`
pub(crate) async fn create(
    ctx: Context,
    body: Body<NewApiKey>,
) -> Result<CreatedJson<NewKey>, Error> {
    let secret = Secret::api_key(ctx.state.ids.random());
    let (key_hash, hint) = (hash(&secret), secret.hint().to_owned());
    let entry = ctx
        .write(move |tx| {
            let (user, new_id) = (tx.caller()?.user_uid, tx.new_id());
            let new = body.checked()?;
            new.check(new_id.at())?;
            let created = ApiKey {
                id: ApiKeyId::from_uuid(new_id.uid()),
                name: new.name,
                scopes: new.scopes,
                hint: hint.clone(),
                created_at: new_id.at(),
                expires_at: new.expires_at,
                last_used_at: None,
            };
            api_key::insert(tx, user, &created, &key_hash)?;
            tx.audit(AuditAction::KeyCreated);
            Ok(created)
        })
        .await?;
    let location = format!("{BASE_PATH}/auth/keys/{}", entry.id);
    Ok(CreatedJson { value: NewKey { entry, key: secret.expose().to_owned() }, location })
}

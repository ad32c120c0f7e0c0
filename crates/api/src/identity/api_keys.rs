//! API keys, for scripts.

use recto_domain::{
    ApiKey, ApiKeyCreated, ApiKeyId, AuditAction, AuditDetail, MailDetail, MailKind, NewApiKey,
    QuotaItem, Scope, Secret,
};
use recto_identity::access::may;
use recto_identity::secret::hash;
use recto_persistence::identity::{api_key, session};

use crate::BASE_PATH;
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::Problem;
use crate::response::CreatedJson;

/// `POST /auth/keys`
pub(crate) async fn create(
    ctx: Context,
    body: Body<NewApiKey>,
) -> Result<CreatedJson<ApiKeyCreated>, Error> {
    let secret = Secret::api_key(ctx.state.ids.random());
    let (key_hash, hint) = (hash(&secret), secret.hint().to_owned());
    let entry = ctx
        .transaction(move |tx| {
            let (account, session, new_id) = (tx.caller()?.clone(), tx.session()?, tx.new_id());
            let new = body.checked()?;
            if new.scopes.allow(Scope::Admin) {
                may::create_admin_key(tx.caller()?)?;
                tx.check_sign_in_age()?;
            }
            let expires_at = new.expiry(new_id.at())?;
            let created = ApiKey {
                id: ApiKeyId::from_uuid(new_id.uid()),
                name: new.name,
                scopes: new.scopes,
                hint: hint.clone(),
                created_at: new_id.at(),
                expires_at,
                last_used_at: None,
            };
            // A reset of the password that ends the session also finds this key.
            if !session::lock(tx, session)? {
                return Err(Problem::invalid_token("the session has ended").into());
            }
            api_key::insert(tx, account.user_uid, &created, &key_hash)?;
            tx.check_quota(QuotaItem::ApiKeys, 1)?;
            let described = format!("{} ({})", created.name, created.scopes);
            tx.notify(&account, MailKind::KeyCreated, MailDetail::parse(&described).ok().as_ref())?;
            tx.audit(AuditAction::KeyCreated).detail = AuditDetail::parse(&described).ok();
            Ok(created)
        })
        .await?;
    let location = format!("{BASE_PATH}/auth/keys/{}", entry.id);
    Ok(CreatedJson { value: ApiKeyCreated { entry, key: secret.expose().to_owned() }, location })
}

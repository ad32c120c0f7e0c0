//! The export of the caller's data, read from the database while it is sent.
//!
//! Each part is a read of its own, so that neither memory nor a thread of the database is held for
//! a slow client. Lists are read by key from the newest to the oldest. So an item that exists
//! during the whole export is in it exactly once, in its state when its part was read.

use std::io;

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use recto_domain::{
    Account, ApiKey, ApiKeyId, AuditAction, AuditEntry, AuditId, Book, BookId, Review, ReviewId,
    Session, SessionId, User, UserBooks, UserId, UserReviews,
};
use recto_identity::throttle::RunningExport;
use recto_persistence::identity::{api_key, audit, session};
use recto_persistence::{MappedMany, Page, Recto};
use recto_relations::{Entity, Include, KeysetPosition, PageRequest, PageStart, Paged};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::context::{Context, ReadTransaction};
use crate::error::{Error, Failure};
use crate::present;
use crate::response::Download;

/// The number of rows that are read at a time. One has at most 80 kB, the longest text of a review.
const CHUNK: u32 = 50;

/// Everything that belongs to an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Export {
    user: User,
    account: Account,
    books: Vec<Book>,
    reviews: Vec<Review>,
    sessions: Vec<Session>,
    api_keys: Vec<ApiKey>,
    audit: Vec<AuditEntry>,
}

/// Reads a part of a list: the items after an id, or the first ones.
type ReadPart = fn(&mut ReadTransaction<'_>, UserId, Option<Uuid>) -> Result<Part, Error>;

/// A part of a list.
struct Part {
    /// JSON objects, separated by commas.
    items: Vec<u8>,
    /// The id of the last item, if there are more.
    last: Option<Uuid>,
}

/// The lists of an [`Export`], and the functions that read them.
const LISTS: [(&str, ReadPart); 5] = [
    ("books", books),
    ("reviews", reviews),
    ("sessions", sessions),
    ("api_keys", api_keys),
    ("audit", audit_entries),
];

/// `GET /auth/me/export`
pub(crate) async fn export(
    ctx: Context,
) -> Result<Download<impl Stream<Item = io::Result<Bytes>>>, Error> {
    let account = ctx.read(|tx| Ok(tx.caller()?.clone())).await?;
    let uid = account.user_uid;
    let running = ctx.state.throttle.export(&ctx.origin().client, uid)?;
    let user = ctx.read(move |tx| tx.get::<User>(uid)).await?;
    ctx.transaction(|tx| {
        tx.audit(AuditAction::AccountExported);
        Ok(())
    })
    .await?;

    let (user, account) = (present::json(&user)?, present::json(&account)?);
    let head = [b"{\"user\":", &user[..], b",\"account\":", &account].concat();
    let rest = Rest {
        ctx,
        user: uid,
        lists: LISTS.iter(),
        position: Position::Between,
        span: tracing::Span::current(),
        _running: running,
    };
    let rest = stream::try_unfold(rest, |mut rest| async move {
        let part = rest.next().await.map_err(|error| {
            // The client has its status already.
            rest.span.in_scope(|| tracing::error!(cause = %error, "an export was broken off"));
            io::Error::other(error.to_string())
        })?;
        Ok(part.map(|part| (part, rest)))
    });
    let head = stream::once(std::future::ready(Ok(Bytes::from(head))));
    let parts = stream::StreamExt::chain(head, rest);
    Ok(Download { parts, file_name: "recto-export.json" })
}

/// The part of an export that is not sent yet.
struct Rest {
    ctx: Context,
    user: UserId,
    lists: std::slice::Iter<'static, (&'static str, ReadPart)>,
    position: Position,
    /// The request's, which has its id. The body is sent after the handler has returned.
    span: tracing::Span,
    _running: RunningExport,
}

/// The position in an export.
#[derive(Clone, Copy)]
enum Position {
    /// Between two lists.
    Between,
    /// In a list, after the item with this id.
    After(ReadPart, Uuid),
    /// At the end.
    End,
}

impl Rest {
    /// Returns the next part, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let (mut json, read, after) = match self.position {
            Position::End => return Ok(None),
            Position::After(read, after) => (b",".to_vec(), read, Some(after)),
            Position::Between => {
                let Some((name, read)) = self.lists.next() else {
                    self.position = Position::End;
                    return Ok(Some(Bytes::from_static(b"}")));
                };
                (format!(",\"{name}\":[").into_bytes(), *read, None)
            }
        };
        let user = self.user;
        let part = self.ctx.read(move |tx| read(tx, user, after)).await?;
        json.extend(part.items);
        if part.last.is_none() {
            json.push(b']');
        }
        self.position = part.last.map_or(Position::Between, |last| Position::After(read, last));
        Ok(Some(json.into()))
    }
}

impl Part {
    fn new<T: Serialize>(listed: &Paged<T>, id: impl Fn(&T) -> Uuid) -> Result<Self, Error> {
        let mut items = Vec::new();
        for (index, item) in listed.items.iter().enumerate() {
            if index > 0 {
                items.push(b',');
            }
            serde_json::to_writer(&mut items, item).map_err(Failure::from)?;
        }
        Ok(Self { items, last: listed.items.last().filter(|_| listed.has_next).map(id) })
    }
}

fn books(tx: &mut ReadTransaction<'_>, user: UserId, after: Option<Uuid>) -> Result<Part, Error> {
    let listed = related::<UserBooks>(tx, user, after.map(BookId::from_uuid))?;
    Part::new(&listed, |book| book.uid.uuid())
}

fn reviews(tx: &mut ReadTransaction<'_>, user: UserId, after: Option<Uuid>) -> Result<Part, Error> {
    let listed = related::<UserReviews>(tx, user, after.map(ReviewId::from_uuid))?;
    Part::new(&listed, |review| review.uid.uuid())
}

fn related<R: MappedMany<Recto, From = User>>(
    tx: &mut ReadTransaction<'_>,
    user: UserId,
    after: Option<<R::To as Entity>::Key>,
) -> Result<Paged<R::To>, Error> {
    let page = tx.related::<R>(user, &chunk(after), &Include::nothing())?;
    let paged = page.map(|page| {
        let Page { entities, has_previous, has_next } = page;
        Paged { items: entities.into_vec(), has_previous, has_next }
    });
    Ok(paged.unwrap_or_default())
}

/// Returns the request for the items after a key.
fn chunk<K>(after: Option<K>) -> PageRequest<K> {
    let after = after.map(|key| PageStart::After(KeysetPosition { values: Vec::new(), key }));
    PageRequest { start: after.unwrap_or(PageStart::First), ..PageRequest::newest(CHUNK) }
}

fn sessions(
    tx: &mut ReadTransaction<'_>,
    user: UserId,
    after: Option<Uuid>,
) -> Result<Part, Error> {
    let (current, now) = (tx.session()?, tx.now());
    let request = chunk(after.map(SessionId::from_uuid));
    let listed = session::page(tx, user, Some(current), &request, now)?;
    Part::new(&listed, |session| session.id.uuid())
}

fn api_keys(
    tx: &mut ReadTransaction<'_>,
    user: UserId,
    after: Option<Uuid>,
) -> Result<Part, Error> {
    let listed = api_key::page(tx, user, &chunk(after.map(ApiKeyId::from_uuid)))?;
    Part::new(&listed, |key| key.id.uuid())
}

fn audit_entries(
    tx: &mut ReadTransaction<'_>,
    user: UserId,
    after: Option<Uuid>,
) -> Result<Part, Error> {
    let about_user = audit::AuditFilter { action: None, user: Some(user) };
    let mut listed = audit::page(tx, &about_user, &chunk(after.map(AuditId::from_uuid)))?;
    listed.items = listed.items.into_iter().map(|entry| entry.as_shown_to(user)).collect();
    Part::new(&listed, |entry| entry.id.uuid())
}

#[cfg(test)]
mod tests {
    use recto_relations::Cardinality;
    use utoipa::PartialSchema as _;

    use super::*;

    fn list_names() -> Vec<&'static str> {
        LISTS.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn every_relation_of_user_is_exported() {
        let many = User::INFO.relations().filter(|one| one.cardinality == Cardinality::Many);
        for relation in many {
            assert!(list_names().contains(&relation.name), "{}", relation.name);
        }
    }

    #[test]
    fn schema_has_export_fields_in_order() {
        let schema = serde_json::to_value(Export::schema()).unwrap();
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, [&["user", "account"][..], &list_names()].concat());
    }
}

//! The path of an operation: its keys, with those of a demo as examples, and the headers that
//! requests to it may have.

use actix_web::http::Method;
use recto_domain::{ApiKeyId, AuthorId, BookId, ReviewId, SessionId, TagId, UserId};
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{KnownFormat, Required, SchemaFormat};

use super::operation::Operation;
use super::parameter::{pascal, string};

/// Returns whether an operation compares `If-Match` with the version of an item.
pub(super) fn is_conditional(path: &str, method: &Method, operation: &Operation) -> bool {
    operation.is_conditional
        && matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
        && path.contains('{')
        && !path.starts_with("/auth/")
}

/// Returns whether an operation accepts an idempotency key.
pub(super) fn is_repeatable(path: &str, method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH) && !path.starts_with("/auth/")
}

/// Returns the keys in a path, each with the kind of its item: `book` and `uid` for
/// `/books/{uid}/tags`.
pub(super) fn keys(path: &str) -> impl Iterator<Item = (String, &str)> {
    let segments = path.split('/').zip(path.split('/').skip(1));
    segments.filter_map(|(collection, segment)| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some((singular(collection), name))
    })
}

/// Returns a path with the keys of items that the demo has.
pub(super) fn filled(path: &str) -> String {
    keys(path).fold(path.to_owned(), |path, (item, name)| {
        let key = example_key(&item);
        let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        path.replace(&format!("{{{name}}}"), &key)
    })
}

/// Returns the parameters of a path, with the names of their components: `BookUid` for `{uid}` in
/// `/books/{uid}/tags`.
pub(super) fn path_parameters(path: &str) -> impl Iterator<Item = (String, Parameter)> {
    keys(path).map(|(item, name)| {
        let is_uuid = name.ends_with("uid") || path_has_uuids(&item);
        let schema = if is_uuid {
            let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
            string().format(Some(format))
        } else {
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
        };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(format!("The id of the {}.", item_name(&item))))
            .schema(Some(schema))
            .example(Some(example_key(&item)))
            .build();
        let key = if name.ends_with("uid") { "Uid" } else { "Id" };
        let own = name.strip_suffix("uid").or(name.strip_suffix("id")).unwrap_or(name);
        let role = if own.is_empty() { "" } else { "Linked" };
        (format!("{role}{}{key}", pascal(&item)), parameter)
    })
}

/// Returns the name of an item for readers.
pub(super) fn item_name(item: &str) -> &str {
    if item == "key" { "API key" } else { item }
}

/// Returns whether items that are not entities, sessions and API keys, have UUIDs as `id`.
fn path_has_uuids(item: &str) -> bool {
    matches!(item, "session" | "key")
}

/// Returns the id of an item that the demo has.
fn example_key(item: &str) -> Value {
    let ids = [
        ("user", UserId::EXAMPLE),
        ("book", BookId::EXAMPLE),
        ("review", ReviewId::EXAMPLE),
        ("author", AuthorId::EXAMPLE),
        ("tag", TagId::EXAMPLE),
        ("session", SessionId::EXAMPLE),
        ("key", ApiKeyId::EXAMPLE),
    ];
    ids.iter().find(|(name, _)| *name == item).map_or_else(|| json!(1), |(_, id)| json!(id))
}

/// Returns `company` for `companies`.
fn singular(collection: &str) -> String {
    match collection.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => collection.strip_suffix('s').unwrap_or(collection).to_owned(),
    }
}

//! The OpenAPI document, put together from the table of routes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use utoipa::openapi::path::PathItem;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder};

use crate::components::Components;
use crate::problem::ProblemBody;
use crate::routes;
use crate::table::describe;

/// The document, as it is served.
pub(crate) static JSON: LazyLock<Vec<u8>> = LazyLock::new(|| openapi_json().into_bytes());

/// The OpenAPI document of the interface, as indented JSON.
///
/// ```
/// let document: serde_json::Value = serde_json::from_str(&recto_api::openapi_json()).unwrap();
/// assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
/// ```
pub fn openapi_json() -> String {
    let document = openapi();
    // What the builders made of strings and numbers cannot fail to be written.
    document.to_pretty_json().unwrap_or_default()
}

fn openapi() -> OpenApi {
    let mut components = Components::default();
    components.add::<ProblemBody>();
    let mut paths: BTreeMap<String, PathItem> = BTreeMap::new();
    for (path, method, tag, operation) in routes::table().into_operations() {
        let (path, method, operation) = describe(&path, &method, tag, operation, &mut components);
        paths.entry(path).or_default().merge_operations(PathItem::new(method, operation));
    }
    let mut all = PathsBuilder::new();
    for (path, item) in paths {
        all = all.path(path, item);
    }
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Recto")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(license))
                .build(),
        )
        .tags(Some(
            TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build()),
        ))
        .paths(all.build())
        .components(Some(components.build()))
        .build()
}

const DESCRIPTION: &str = "A book catalogue in which every relationship can be walked from both sides.

* A **page** has `items` and, if there are more, `next_cursor`; send it back as `cursor`.
* **Relations** are loaded along with `include=user,reviews.user,tags`. What was not asked for is absent; what is empty is `[]` or `null`; where there are more than fit, `<relation>_next` is the URL of the rest.
* **Errors** are `application/problem+json` (RFC 9457); what is wrong in a body is listed under `errors`, with JSON pointers.
* **Authorize** takes an e-mail address and a password, or a bearer token from `/auth/login`.
* [The diagram](/schema) shows all entities, and every relation with both of its names.";

const TAGS: [(&str, &str); 10] = [
    ("auth", "Signing up and in, sessions, API keys, passwords, and one's own account."),
    ("users", "People who keep books and write reviews."),
    ("books", "What the catalogue is about."),
    ("reviews", "What a user thinks of a book: the triangle User → Review ← Book."),
    ("authors", "Whom books credit: many-to-many, in an order, each with a role."),
    ("tags", "Words that many books share."),
    ("blog", "Posts and comments: one-to-many with a required key."),
    ("school", "Students and courses: many-to-many, with a link that has data of its own."),
    ("org", "Companies, departments, employees: several levels, through, and managers."),
    ("meta", "The interface about itself."),
];

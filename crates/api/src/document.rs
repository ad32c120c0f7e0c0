//! The OpenAPI document, generated from the route table.

use std::sync::LazyLock;

use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder,
    ServerBuilder,
};

use crate::components::Components;
use crate::problem::ProblemBody;
use crate::response::StaticJson;
use crate::routes;
use crate::table::describe;

/// The document as JSON.
pub(crate) static JSON: LazyLock<StaticJson> = LazyLock::new(|| {
    // Serializing strings and numbers cannot fail.
    StaticJson::new(openapi().to_json().unwrap_or_default())
});

/// Returns the OpenAPI document as indented JSON.
///
/// ```
/// let document: serde_json::Value = serde_json::from_str(&recto_api::openapi_json()).unwrap();
/// assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
/// ```
pub fn openapi_json() -> String {
    let document = openapi();
    // Serializing strings and numbers cannot fail.
    document.to_pretty_json().unwrap_or_default()
}

fn openapi() -> OpenApi {
    let mut components = Components::default();
    components.add::<ProblemBody>();
    let operations = routes::table().into_operations().into_iter();
    let paths = operations.fold(PathsBuilder::new(), |paths, routed| {
        let (path, item) = describe(routed, &mut components);
        paths.path(path, item)
    });
    let license = LicenseBuilder::new()
        .name("MIT OR Apache-2.0")
        .identifier(Some("MIT OR Apache-2.0"))
        .build();
    let contact = ContactBuilder::new().name(Some("Recto")).build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Recto")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(license))
                .contact(Some(contact))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server.")).build()]))
        .tags(Some(
            TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build()),
        ))
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

const DESCRIPTION: &str = "A book catalogue. Every relation can be followed in both directions.

* A **page** has `items` and, unless it is the last, `next_cursor`: send it as `cursor` for the next page. `prev_cursor` leads back.
* `include=user,reviews.user,tags` adds **related items**. A relation that was not requested is absent; one without items is `[]` or `null`. If there are more items, `<relation>_next` is the URL of the rest.
* **Errors** are `application/problem+json` (RFC 9457); [all of their types](/problems/). A 400 about the query and a 422 about the body list all broken rules in `errors`, each with the parameter or a JSON pointer, and a code.
* **Authorize** accepts an e-mail address and a password, or a bearer token: an access token from `/auth/login` or an API key.
* [The diagram](/schema) shows the entities, and the relations with both of their names.";

const TAGS: [(&str, &str); 11] = [
    (
        "books",
        "Find and create books, and change their tags and contributors. A book's reviews are here too.",
    ),
    (
        "reviews",
        "Read, change and delete reviews. A user can review a book once, with `POST /books/{uid}/reviews`.",
    ),
    ("tags", "Create and rename tags, and find the books with a tag."),
    ("authors", "Find authors and their books. Authors are created with the books that name them."),
    ("users", "Read the public profiles of users, and change one's own."),
    (
        "auth",
        "Create an account, sign in and out, and manage one's own account, sessions and API keys.",
    ),
    ("blog", "Write posts and comment on them: an example of items that belong to another."),
    ("school", "Enrol students in courses: an example of a relation that has data of its own."),
    ("org", "Manage companies, their departments and employees: an example of a hierarchy."),
    (
        "administration",
        "Change the role of users, disable their accounts, and read the audit log. Administrators only.",
    ),
    ("meta", "Get this document, and a description of all entities and relations."),
];

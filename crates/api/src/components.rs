//! The schemas of the OpenAPI document.

mod derived;

use std::collections::BTreeMap;

use recto_domain::{Account, User};
use recto_relations::{Cardinality, Entity, Relation, RelationInfo, Storage};
use serde_json::Value;
use utoipa::openapi::example::{self, ExampleBuilder};
use utoipa::openapi::header::Header;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{
    ArrayBuilder, ComponentsBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::openapi::security::{
    Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use self::derived::{example, simplified};
use self::derived::{example_of, schema_of, without_repeated_examples};
use crate::BASE_PATH;
use crate::fields::{self, ItemETag};
use crate::page_fields::{NextCursor, PageFields, PreviousCursor, Total, TotalCapped};
use crate::present::{Count, NextUrl};

/// The schemas that operations refer to.
#[derive(Default)]
pub(crate) struct Components {
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// Entities with their relations. They replace those without.
    entities: BTreeMap<String, RefOr<Schema>>,
    parameters: BTreeMap<String, RefOr<Parameter>>,
    responses: BTreeMap<String, RefOr<Response>>,
    examples: BTreeMap<String, RefOr<example::Example>>,
}

impl Components {
    /// Adds a type and the types that it refers to.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        self.schemas.insert(T::name().into_owned(), schema_of::<T>());
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        for (name, schema) in nested {
            self.schemas.entry(name).or_insert_with(|| simplified(schema));
        }
    }

    /// Adds an entity with its relations, which refer to other entities by name.
    pub(crate) fn add_entity<E: Entity + ToSchema>(&mut self) {
        self.entities.insert(E::name().into_owned(), entity::<E>(Object::new(), None));
    }

    /// Adds a page of an entity.
    pub(crate) fn add_page<E: Entity + ToSchema>(&mut self) {
        self.add_entity::<E>();
        let schema = page(Ref::from_schema_name(E::name()), E::INFO.collection);
        self.schemas.insert(page_name::<E>(), schema);
    }

    /// Adds a page of objects that are not entities.
    pub(crate) fn add_list<T: ToSchema>(&mut self) {
        self.add::<T>();
        let schema = page(Ref::from_schema_name(T::name()), &format!("`{}` objects", T::name()));
        self.schemas.insert(list_name::<T>(), schema);
    }

    /// Adds the entity that a relation leads to with the data of the links, and a page of it;
    /// `None` if the links have no data.
    pub(crate) fn add_linked_page<R: Relation<To: ToSchema, Data: ToSchema>>(
        &mut self,
    ) -> Option<Ref> {
        if !has_link_data(R::INFO) {
            return None;
        }
        let (from, linked_name) = (R::INFO.from.name, linked_name(R::INFO));
        let page_name = format!("{linked_name}Page");
        let of = format!("`{from}.{}`, with the data of the link", R::INFO.name);
        let linked = entity::<R::To>(object_of::<R::Data>(), Some(format!("An item of {of}.")));
        let page = page(Ref::from_schema_name(&linked_name), &format!("{of}s"));
        self.schemas.insert(linked_name, linked);
        self.schemas.insert(page_name.clone(), page);
        Some(Ref::from_schema_name(page_name))
    }

    /// Adds a parameter under a name, and returns a reference to it.
    pub(crate) fn add_parameter(&mut self, name: &str, parameter: Parameter) -> Ref {
        self.parameters.insert(name.to_owned(), parameter.into());
        Ref::new(format!("#/components/parameters/{name}"))
    }

    /// Adds an example under a name, and returns a reference to it.
    pub(crate) fn add_example(&mut self, name: &str, value: Value) -> Ref {
        let example = ExampleBuilder::new().value(Some(value)).build();
        self.examples.insert(name.to_owned(), example.into());
        Ref::new(format!("#/components/examples/{name}"))
    }

    /// Adds a response under a name, and returns a reference to it.
    pub(crate) fn add_response(&mut self, name: &str, response: Response) -> Ref {
        let response = RefOr::T(response);
        let earlier = self.responses.insert(name.to_owned(), response.clone());
        debug_assert!(earlier.is_none_or(|earlier| earlier == response), "two responses {name}");
        Ref::from_response_name(name)
    }

    /// Makes a required field of an object optional.
    pub(crate) fn make_optional(&mut self, name: &str, field: &str) {
        if let Some(RefOr::T(Schema::Object(object))) = self.schemas.get_mut(name) {
            object.required.retain(|required| required != field);
            object.examples = example_of(object).into_iter().collect();
        }
    }

    /// Removes a schema.
    pub(crate) fn remove(&mut self, name: &str) {
        self.schemas.remove(name);
    }

    /// Adds the schemas of an operation.
    pub(crate) fn merge(&mut self, other: Self) {
        self.schemas.extend(other.schemas);
        self.entities.extend(other.entities);
        self.parameters.extend(other.parameters);
        self.responses.extend(other.responses);
        self.examples.extend(other.examples);
    }

    /// Returns the components of the document.
    pub(crate) fn build(mut self) -> utoipa::openapi::Components {
        self.add::<PreviousCursor>();
        self.add::<NextCursor>();
        self.add::<Total>();
        self.add::<TotalCapped>();
        self.add::<Count>();
        self.add::<NextUrl>();
        self.add::<ItemETag>();
        self.schemas.extend(self.entities);
        self.schemas.values_mut().for_each(without_repeated_examples);
        let token_url = format!("{BASE_PATH}/auth/token");
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.bearer_format = Some("JWT".to_owned());
        bearer.description =
            Some("An access token from `/auth/login`, or an API key from `/auth/keys`.".to_owned());
        let password = OAuth2::with_description(
            [Flow::Password(Password::new(token_url, Scopes::new()))],
            "Your e-mail address and your password.",
        );
        let mut components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme("password", SecurityScheme::OAuth2(password))
            .security_scheme("bearer", SecurityScheme::Http(bearer))
            .build();
        components.parameters = self.parameters;
        components.responses = self.responses;
        let known = ResponseBuilder::new().description("The client has this response already.");
        let known = known.header_ref("ETag", header("ETag"));
        components.responses.insert("NotModified".to_owned(), known.build().into());
        components.examples = self.examples;
        components.headers = headers();
        components
    }
}

/// The headers of responses, each with its meaning and an example.
const HEADERS: [(&str, &str, &str); 8] = [
    (
        "ETag",
        "The entity tag, for `If-None-Match` and `If-Match`.",
        "\"3-9f2c41d0b7a85e36.0123456789abcdef\"",
    ),
    (
        "Idempotency-Replayed",
        "`true` if this is the stored response to an earlier request with the same key.",
        "true",
    ),
    (
        "Link",
        "The URLs of the pages before and after this one (RFC 8288).",
        "</api/v1/books?limit=20&cursor=WzEsMl0>; rel=\"next\"",
    ),
    ("Location", "The path of the new item.", "/api/v1/books/0198c5a1-02d4-7f10-8a6e-51c0d93b7e22"),
    (
        "RateLimit",
        "What remains of each budget (draft-ietf-httpapi-ratelimit-headers-10).",
        "\"sign-in\";r=4;t=60",
    ),
    (
        "RateLimit-Policy",
        "The size of each budget, and its time in seconds.",
        "\"sign-in\";q=10;w=60",
    ),
    ("Retry-After", "The number of seconds after which to try again.", "1"),
    ("WWW-Authenticate", "The scheme to authenticate by (RFC 6750).", "Bearer"),
];

fn headers() -> BTreeMap<String, RefOr<Header>> {
    let described = HEADERS.into_iter().map(|(name, description, example)| {
        let mut header = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(description))
            .build();
        header.example = Some(example.into());
        (name.to_owned(), header.into())
    });
    described.collect()
}

/// Returns a reference to a header of a response.
pub(crate) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// Returns the component name of an item of a relation whose links have data, such as `BookAuthor`.
fn linked_name(relation: &RelationInfo) -> String {
    format!("{}{}", relation.from.name, relation.to.name)
}

/// Returns the component name of a page, such as `BookPage`.
pub(crate) fn page_name<E: Entity>() -> String {
    format!("{}Page", E::INFO.name)
}

/// Returns the component name of a page of objects that are not entities, such as `SessionPage`.
pub(crate) fn list_name<T: ToSchema>() -> String {
    format!("{}Page", T::name())
}

/// Returns the schema of a value that may be `null`.
pub(crate) fn nullable(schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::from(OneOfBuilder::new().item(schema).item(null).build()).into()
}

/// Returns whether the items of a relation have fields of the link.
fn has_link_data(relation: &RelationInfo) -> bool {
    matches!(relation.storage, Storage::Link { data: [_, ..], .. })
}

/// Returns the schema of an entity, in the order of responses: its own fields, those of `further`,
/// and those that `count` and `include` add.
fn entity<E: Entity + ToSchema>(further: Object, description: Option<String>) -> RefOr<Schema> {
    let mut object = object_of::<E>();
    object.properties.extend(further.properties);
    object.required.extend(further.required);
    object.description = description.or(object.description);
    object.examples = example_of(&object).into_iter().collect();
    let tag = Ref::from_schema_name(ItemETag::name());
    object.properties.insert(fields::TAG.to_owned(), tag.into());
    let counts = E::INFO.relations().filter_map(count_field);
    object.properties.extend(counts.chain(E::INFO.relations().flat_map(relation_fields)));
    Schema::Object(object).into()
}

/// Returns an object whose fields may be `null` or absent.
fn with_null_fields(mut object: Object) -> Object {
    let fields = object.properties.into_iter();
    object.properties = fields.map(|(name, field)| (name, simplified(nullable(field)))).collect();
    object.required.clear();
    object
}

fn object_of<T: ToSchema>() -> Object {
    match schema_of::<T>() {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::new(),
    }
}

fn count_field(relation: &RelationInfo) -> Option<(String, RefOr<Schema>)> {
    let is_many = relation.cardinality == Cardinality::Many;
    is_many
        .then(|| (format!("{}_count", relation.name), Ref::from_schema_name(Count::name()).into()))
}

fn relation_fields(relation: &RelationInfo) -> Vec<(String, RefOr<Schema>)> {
    let name = relation.name;
    let target = if has_link_data(relation) {
        Ref::from_schema_name(linked_name(relation))
    } else {
        Ref::from_schema_name(relation.to.name)
    };
    match relation.cardinality {
        Cardinality::One => vec![(name.to_owned(), target.into())],
        Cardinality::Optional => vec![(name.to_owned(), nullable(target))],
        Cardinality::Many => {
            let items = ArrayBuilder::new()
                .items(target)
                .description(Some(format!("Present with `include={name}`.")));
            vec![
                (name.to_owned(), Schema::from(items.build()).into()),
                (format!("{name}_next"), Ref::from_schema_name(NextUrl::name()).into()),
            ]
        }
    }
}

/// Returns the schema of a page: its items, and the fields after them.
fn page(item: Ref, collection: &str) -> RefOr<Schema> {
    let mut page = ObjectBuilder::new()
        .description(Some(format!("A page of {collection}.")))
        .property("items", ArrayBuilder::new().items(item))
        .required("items")
        .build();
    page.properties.extend(object_of::<PageFields>().properties);
    Schema::from(page).into()
}

/// The component of a user with the account, which are serialized from two types.
pub(crate) struct UserWithAccount;

impl PartialSchema for UserWithAccount {
    fn schema() -> RefOr<Schema> {
        entity::<User>(object_of::<Account>(), Some("A user with the account.".to_owned()))
    }
}

impl ToSchema for UserWithAccount {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithAccount".into()
    }
}

/// The component of a user with the account if the caller may see it.
pub(crate) struct UserWithOptionalAccount;

impl PartialSchema for UserWithOptionalAccount {
    fn schema() -> RefOr<Schema> {
        let description = "A user. The account fields are present if that user or an administrator asks; they are `null` if there is no account.";
        let account = with_null_fields(object_of::<Account>());
        entity::<User>(account, Some(description.to_owned()))
    }
}

impl ToSchema for UserWithOptionalAccount {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithOptionalAccount".into()
    }
}

/// The component of a page of users with the account fields.
pub(crate) struct UserWithAccountPage;

impl PartialSchema for UserWithAccountPage {
    fn schema() -> RefOr<Schema> {
        page(Ref::from_schema_name(UserWithOptionalAccount::name()), "users with their accounts")
    }
}

impl ToSchema for UserWithAccountPage {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithAccountPage".into()
    }
}

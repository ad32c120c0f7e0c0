//! The schemas of the OpenAPI document.

mod derived;

use std::collections::BTreeMap;

use recto_domain::{Account, User};
use recto_relations::{Cardinality, Entity, Relation, RelationInfo};
use serde_json::Value;
use utoipa::openapi::example::{self, ExampleBuilder};
use utoipa::openapi::header::Header;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{
    AllOfBuilder, ArrayBuilder, ComponentsBuilder, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::openapi::security::{
    Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, SchemaFormat,
};
use utoipa::{PartialSchema, ToSchema};

use self::derived::schema_of;
pub(crate) use self::derived::{example, simplified};
use crate::BASE_PATH;
use crate::identity::accounts::AccountFields;
use crate::present::Total;
use crate::problem::{Example, ProblemBody, ProblemType};

/// The schemas that operations refer to.
#[derive(Default)]
pub(crate) struct Components {
    schemas: BTreeMap<String, RefOr<Schema>>,
    parameters: BTreeMap<String, RefOr<Parameter>>,
    responses: BTreeMap<String, RefOr<Response>>,
    examples: BTreeMap<String, RefOr<example::Example>>,
    /// The relations whose links have data.
    with_link_data: Vec<&'static RelationInfo>,
}

impl Components {
    /// Adds a type and the types that it refers to.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        self.schemas.insert(T::name().into_owned(), schema_of::<T>());
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        for (name, schema) in nested {
            // An entity that was added before has its relations.
            self.schemas.entry(name).or_insert_with(|| simplified(schema));
        }
    }

    /// Adds an entity with its relations, which refer to other entities by name.
    pub(crate) fn add_entity<E: Entity + ToSchema>(&mut self) {
        self.schemas.insert(E::name().into_owned(), with_relations::<E>(schema_of::<E>()));
    }

    /// Adds a page of an entity.
    pub(crate) fn add_page<E: Entity + ToSchema>(&mut self) {
        self.add_entity::<E>();
        let schema = page(Ref::from_schema_name(E::name()), E::INFO.collection);
        self.schemas.insert(page_name::<E>(), schema);
    }

    /// Adds a page of objects that are no entities.
    pub(crate) fn add_list<T: ToSchema>(&mut self) {
        self.add::<T>();
        let schema = page(Ref::from_schema_name(T::name()), &format!("`{}` objects", T::name()));
        self.schemas.insert(list_name::<T>(), schema);
    }

    /// Adds the entity that a relation leads to with the data of the links, and a page of it; `None`
    /// if the links have no data.
    pub(crate) fn add_linked_page<R: Relation<To: ToSchema, Data: ToSchema>>(
        &mut self,
    ) -> Option<Ref> {
        let RelationInfo { name, from, to, .. } = R::INFO;
        let RefOr::T(Schema::Object(mut data)) = schema_of::<R::Data>() else { return None };
        if data.properties.is_empty() {
            return None;
        }
        data.description = None;
        data.examples.clear();
        let linked =
            AllOfBuilder::new().item(Ref::from_schema_name(to.name)).item(data).description(Some(
                format!("An item of `{}.{name}`, with the data of the link.", from.name),
            ));
        let linked_name = linked_name(R::INFO);
        let of = format!("`{}.{name}`, with the data of the links", from.name);
        self.schemas
            .insert(format!("{linked_name}Page"), page(Ref::from_schema_name(&linked_name), &of));
        let page = Ref::from_schema_name(format!("{linked_name}Page"));
        self.schemas.insert(linked_name, Schema::from(linked.build()).into());
        self.with_link_data.push(R::INFO);
        Some(page)
    }

    /// Adds a parameter under a name, and returns a reference to it.
    pub(crate) fn add_parameter(&mut self, name: &str, parameter: Parameter) -> Ref {
        self.parameters.insert(name.to_owned(), parameter.into());
        Ref::new(format!("#/components/parameters/{name}"))
    }

    /// Adds the response with which a request is refused, for any of these reasons, and returns a
    /// reference to it.
    pub(crate) fn add_refusal(&mut self, problem_types: &[ProblemType]) -> Ref {
        let mut examples = Vec::new();
        for problem_type in problem_types {
            let name = format!("{problem_type:?}");
            let example = ExampleBuilder::new()
                .summary(problem_type.title())
                .value(Example::of(*problem_type).body().ok());
            self.examples.insert(name.clone(), example.build().into());
            let example = RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
            examples.push((problem_type.slug(), example));
        }
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(ProblemBody::name())))
            .examples_from_iter(examples);
        let titles: Vec<_> = problem_types.iter().map(|problem| problem.title()).collect();
        let mut response = ResponseBuilder::new()
            .description(format!("{}.", titles.join("; ")))
            .content("application/problem+json", content.build());
        let headers = problem_types.iter().flat_map(|problem_type| problem_type.headers());
        for name in headers {
            response = response.header_ref(*name, header(name));
        }
        let names: Vec<_> = problem_types.iter().map(|problem| format!("{problem:?}")).collect();
        let name = names.join("Or");
        self.responses.insert(name.clone(), response.build().into());
        Ref::from_response_name(name)
    }

    /// Removes a schema.
    pub(crate) fn remove(&mut self, name: &str) {
        self.schemas.remove(name);
    }

    /// Adds the schemas of an operation.
    pub(crate) fn merge(&mut self, other: Self) {
        self.schemas.extend(other.schemas);
        self.parameters.extend(other.parameters);
        self.responses.extend(other.responses);
        self.examples.extend(other.examples);
        self.with_link_data.extend(other.with_link_data);
    }

    /// Returns the components of the document.
    pub(crate) fn build(mut self) -> utoipa::openapi::Components {
        for relation in self.with_link_data {
            if let Some(RefOr::T(Schema::Object(entity))) = self.schemas.get_mut(relation.from.name)
                && let Some(RefOr::T(Schema::Array(items))) =
                    entity.properties.get_mut(relation.name)
            {
                items.items = Ref::from_schema_name(linked_name(relation)).into();
            }
        }
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
        "The tag of the response, for `If-None-Match` and `If-Match`.",
        "\"3-9f2c41d0b7a85e36.0123456789abcdef\"",
    ),
    (
        "Idempotency-Replayed",
        "`true` if this is the stored answer to an earlier request with the same key.",
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
        "The rest of each budget (draft-ietf-httpapi-ratelimit-headers-10).",
        "\"sign-in\";r=4;t=60",
    ),
    (
        "RateLimit-Policy",
        "The size of each budget, and its time in seconds.",
        "\"sign-in\";q=5;w=300",
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

/// Returns the component name of a page of objects that are no entities, such as `SessionPage`.
pub(crate) fn list_name<T: ToSchema>() -> String {
    format!("{}Page", T::name())
}

/// Returns the schema of a value that may be `null`.
pub(crate) fn nullable(schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::from(OneOfBuilder::new().item(schema).item(null).build()).into()
}

/// Adds the fields that `include` and `count` add to an entity.
fn with_relations<E: Entity>(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = schema else { return schema };
    for relation in E::INFO.relations() {
        for (name, schema) in relation_fields(relation) {
            object.properties.insert(name, schema);
        }
    }
    Schema::Object(object).into()
}

fn relation_fields(relation: &RelationInfo) -> Vec<(String, RefOr<Schema>)> {
    let target = Ref::from_schema_name(relation.to.name);
    let name = relation.name;
    match relation.cardinality {
        Cardinality::One => vec![(name.to_owned(), target.into())],
        Cardinality::Optional => vec![(name.to_owned(), nullable(target))],
        Cardinality::Many => {
            let rest = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
                .description(Some(format!(
                    "The URL of the remaining `{name}`, if there are more."
                )));
            let count = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
                .description(Some(format!("The number of `{name}`. Present with `count={name}`.")));
            let items = ArrayBuilder::new()
                .items(target)
                .description(Some(format!("Present with `include={name}`.")));
            vec![
                (name.to_owned(), Schema::from(items.build()).into()),
                (format!("{name}_next"), Schema::from(rest.build()).into()),
                (format!("{name}_count"), Schema::from(count.build()).into()),
            ]
        }
    }
}

fn page(item: Ref, collection: &str) -> RefOr<Schema> {
    let cursor = |description: &str| {
        ObjectBuilder::new().schema_type(Type::String).description(Some(description))
    };
    let total = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(f64::from(Total::MAX)))
        .description(Some("The number of all items, with `total=true`."));
    let total_capped = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("`true` if there are more than `total`; absent otherwise."));
    Schema::from(
        ObjectBuilder::new()
            .description(Some(format!("A page of {collection}.")))
            .property("items", ArrayBuilder::new().items(item))
            .required("items")
            .property(
                "prev_cursor",
                cursor("The `cursor` of the previous page. Absent on the first page."),
            )
            .property(
                "next_cursor",
                cursor("The `cursor` of the next page. Absent on the last page."),
            )
            .property("total", total)
            .property("total_capped", total_capped)
            .build(),
    )
    .into()
}

/// The component of a user with the account, which are serialized from two types.
pub(crate) struct UserWithAccount;

impl PartialSchema for UserWithAccount {
    fn schema() -> RefOr<Schema> {
        user_with::<Account>("A user with the account.")
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
        user_with::<AccountFields>(
            "A user. The account fields are present for the user and for administrators; they are `null` if there is no account.",
        )
    }
}

impl ToSchema for UserWithOptionalAccount {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithOptionalAccount".into()
    }
}

/// Returns the schema of a user with the fields of `A`.
fn user_with<A: ToSchema>(description: &str) -> RefOr<Schema> {
    let user = with_relations::<User>(schema_of::<User>());
    let (RefOr::T(Schema::Object(mut object)), RefOr::T(Schema::Object(account))) =
        (user, schema_of::<A>())
    else {
        return User::schema();
    };
    object.properties.extend(account.properties);
    object.required.extend(account.required);
    if let (Some(Value::Object(example)), Some(Value::Object(further))) =
        (object.examples.first_mut(), account.examples.into_iter().next())
    {
        example.extend(further);
    }
    object.description = Some(description.to_owned());
    Schema::Object(object).into()
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

//! The schemas of the OpenAPI document.

mod derived;

use std::collections::BTreeMap;

use recto_domain::User;
use recto_relations::{Cardinality, Entity, Relation, RelationInfo};
use serde_json::{Value, json};
use utoipa::openapi::schema::{
    ArrayBuilder, ComponentsBuilder, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::openapi::security::{
    Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use self::derived::{schema_of, simplified};
use crate::BASE_PATH;
use crate::identity::accounts::AccountFields;
use crate::problem::{ProblemBody, ProblemType};

/// The schemas that operations refer to.
#[derive(Default)]
pub(crate) struct Components {
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// What links say, by entity and member: beside an entity's own members.
    links: BTreeMap<(&'static str, String), RefOr<Schema>>,
}

impl Components {
    /// Adds a type under its name.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        self.schemas.insert(T::name().into_owned(), schema_of::<T>());
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        for (name, schema) in nested {
            // An entity that is there already has its relations.
            self.schemas.entry(name).or_insert_with(|| simplified(schema));
        }
    }

    /// Adds an entity with its relations, which lead to further entities by name.
    pub(crate) fn add_entity<E: Entity + ToSchema>(&mut self) {
        self.schemas.insert(E::name().into_owned(), with_relations::<E>(schema_of::<E>()));
    }

    /// Adds a page of an entity.
    pub(crate) fn add_page<E: Entity + ToSchema>(&mut self) {
        self.add_entity::<E>();
        let schema = page(Ref::from_schema_name(E::name()), E::INFO.collection);
        self.schemas.insert(page_name::<E>(), schema);
    }

    /// Adds a page of what is listed by its key alone.
    pub(crate) fn add_list<T: ToSchema>(&mut self) {
        self.add::<T>();
        let what = T::name().to_lowercase();
        let schema = page(Ref::from_schema_name(T::name()), &format!("entries: {what}"));
        self.schemas.insert(list_name::<T>(), schema);
    }

    /// Adds what links say to the entity that they lead to.
    pub(crate) fn add_links<R: Relation<Data: ToSchema>>(&mut self) {
        let RefOr::T(Schema::Object(link)) = schema_of::<R::Data>() else { return };
        for (name, mut schema) in link.properties {
            if let RefOr::T(Schema::Object(member)) = &mut schema {
                let own = member.description.take().unwrap_or_default();
                let (from, relation) = (R::INFO.from.name, R::INFO.name);
                member.description =
                    Some(format!("{own} There where it is reached over `{from}.{relation}`."));
            }
            self.links.insert((R::INFO.to.name, name), schema);
        }
    }

    /// Takes a schema away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.schemas.remove(name);
    }

    /// Takes over the schemas of an operation.
    pub(crate) fn merge(&mut self, other: Self) {
        self.schemas.extend(other.schemas);
        self.links.extend(other.links);
    }

    pub(crate) fn build(mut self) -> utoipa::openapi::Components {
        for ((entity, name), member) in self.links {
            if let Some(RefOr::T(Schema::Object(object))) = self.schemas.get_mut(entity) {
                object.properties.insert(name, member);
            }
        }
        let token_url = format!("{BASE_PATH}/auth/token");
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.bearer_format = Some("JWT".to_owned());
        bearer.description =
            Some("An access token from `/auth/login`, or an API key from `/auth/keys`.".to_owned());
        let password = OAuth2::with_description(
            [Flow::Password(Password::new(token_url, Scopes::new()))],
            "Your e-mail address as username, and your password. Leave the client fields empty.",
        );
        ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme("bearer", SecurityScheme::Http(bearer))
            .security_scheme("password", SecurityScheme::OAuth2(password))
            .build()
    }
}

/// The component name of a page: `BookPage`.
pub(crate) fn page_name<E: Entity>() -> String {
    format!("{}Page", E::INFO.name)
}

/// The component name of a page of what is listed by its key alone: `SessionPage`.
pub(crate) fn list_name<T: ToSchema>() -> String {
    format!("{}Page", T::name())
}

/// A schema or `null`.
pub(crate) fn nullable(schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::from(OneOfBuilder::new().item(schema).item(null).build()).into()
}

/// A response that refuses, for any of these reasons.
pub(crate) fn refusal(kinds: &[ProblemType]) -> Response {
    let titles = kinds.iter().map(|kind| kind.title()).collect::<Vec<_>>().join("; ");
    let mut content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name())));
    if let [first, ..] = kinds {
        content = content.example(Some(example_problem(*first)));
    }
    ResponseBuilder::new()
        .description(format!("{titles}."))
        .content("application/problem+json", content.build())
        .build()
}

fn example_problem(kind: ProblemType) -> Value {
    let mut problem = json!({
        "type": format!("/problems/{}", kind.slug()),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": kind.meaning(),
        "instance": format!("{BASE_PATH}/books"),
        "request_id": "7f2a1c90-0000002a",
    });
    if kind == ProblemType::InvalidBody {
        problem["errors"] =
            json!([{"pointer": "/rating", "detail": "must be a whole number from 1 to 5"}]);
    }
    problem
}

/// Adds to an entity's own members what `include` and `count` may bring.
fn with_relations<E: Entity>(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = schema else { return schema };
    for relation in E::INFO.relations() {
        for (name, schema) in relation_members(relation) {
            object.properties.insert(name, schema);
        }
    }
    Schema::Object(object).into()
}

fn relation_members(relation: &RelationInfo) -> Vec<(String, RefOr<Schema>)> {
    let target = Ref::from_schema_name(relation.to.name);
    let name = relation.name;
    match relation.cardinality {
        Cardinality::One => vec![(name.to_owned(), target.into())],
        Cardinality::Optional => vec![(name.to_owned(), nullable(target))],
        Cardinality::Many => {
            let rest = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
                .description(Some(format!("The URL of the rest of `{name}`, if there are more.")));
            let count = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
                .description(Some(format!("How many `{name}` there are, with `count={name}`.")));
            let items = ArrayBuilder::new()
                .items(target)
                .description(Some(format!("With `include={name}`.")));
            vec![
                (name.to_owned(), Schema::from(items.build()).into()),
                (format!("{name}_next"), Schema::from(rest.build()).into()),
                (format!("{name}_count"), Schema::from(count.build()).into()),
            ]
        }
    }
}

fn page(item: Ref, collection: &str) -> RefOr<Schema> {
    let cursor = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Send it as `cursor` for the next page; absent on the last."));
    Schema::from(
        ObjectBuilder::new()
            .description(Some(format!("A page of {collection}.")))
            .property("items", ArrayBuilder::new().items(item))
            .required("items")
            .property("next_cursor", cursor)
            .build(),
    )
    .into()
}

/// A user with the fields of its account: a component that no type is serialized to as a whole.
pub(crate) struct UserWithAccount;

impl PartialSchema for UserWithAccount {
    fn schema() -> RefOr<Schema> {
        let user = with_relations::<User>(schema_of::<User>());
        let (RefOr::T(Schema::Object(mut object)), RefOr::T(Schema::Object(account))) =
            (user, schema_of::<AccountFields>())
        else {
            return User::schema();
        };
        object.properties.extend(account.properties);
        object.description = Some(
            "A user. The fields of the account are shown to its owner and to administrators; they are `null` for a user without an account.".to_owned(),
        );
        Schema::Object(object).into()
    }
}

impl ToSchema for UserWithAccount {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithAccount".into()
    }
}

/// A page of users with the fields of their accounts.
pub(crate) struct UserWithAccountPage;

impl PartialSchema for UserWithAccountPage {
    fn schema() -> RefOr<Schema> {
        page(Ref::from_schema_name(UserWithAccount::name()), "users with their accounts")
    }
}

impl ToSchema for UserWithAccountPage {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithAccountPage".into()
    }
}

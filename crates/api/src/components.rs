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
use crate::present::Total;
use crate::problem::{ProblemBody, ProblemType};

/// The schemas that operations refer to.
#[derive(Default)]
pub(crate) struct Components {
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// The schemas of link data, by entity and field.
    link_data: BTreeMap<(&'static str, String), RefOr<Schema>>,
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

    /// Adds the data of a relation's links to the fields of the entity that it leads to.
    pub(crate) fn add_link_data<R: Relation<Data: ToSchema>>(&mut self) {
        let RefOr::T(Schema::Object(data)) = schema_of::<R::Data>() else { return };
        for (name, mut schema) in data.properties {
            if let RefOr::T(Schema::Object(field)) = &mut schema {
                let meaning = field.description.take().unwrap_or_default();
                let (from, relation) = (R::INFO.from.name, R::INFO.name);
                field.description = Some(format!("{meaning} Only in `{from}.{relation}`."));
            }
            self.link_data.insert((R::INFO.to.name, name), schema);
        }
    }

    /// Removes a schema.
    pub(crate) fn remove(&mut self, name: &str) {
        self.schemas.remove(name);
    }

    /// Adds the schemas of an operation.
    pub(crate) fn merge(&mut self, other: Self) {
        self.schemas.extend(other.schemas);
        self.link_data.extend(other.link_data);
    }

    /// Returns the components of the document.
    pub(crate) fn build(mut self) -> utoipa::openapi::Components {
        for ((entity, name), field) in self.link_data {
            if let Some(RefOr::T(Schema::Object(object))) = self.schemas.get_mut(entity) {
                object.properties.insert(name, field);
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

/// Returns the response with which a request is refused, for any of these reasons.
pub(crate) fn refusal(problem_types: &[ProblemType]) -> Response {
    let titles: Vec<_> = problem_types.iter().map(|problem_type| problem_type.title()).collect();
    let mut content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name())));
    if let [first, ..] = problem_types {
        content = content.example(Some(example_problem(*first)));
    }
    ResponseBuilder::new()
        .description(format!("{}.", titles.join("; ")))
        .content("application/problem+json", content.build())
        .build()
}

fn example_problem(problem_type: ProblemType) -> Value {
    let mut problem = json!({
        "type": format!("/problems/{}", problem_type.slug()),
        "title": problem_type.title(),
        "status": problem_type.status().as_u16(),
        "detail": problem_type.meaning(),
        "instance": format!("{BASE_PATH}/books"),
        "request_id": "7f2a1c90-0000002a",
    });
    match problem_type {
        ProblemType::InvalidBody => {
            let detail = "must be a whole number from 1 to 5";
            problem["errors"] = json!([{"pointer": "/rating", "code": "range", "detail": detail}]);
        }
        ProblemType::InvalidParameter => {
            let detail = "is not known here";
            problem["errors"] = json!([{"parameter": "x", "code": "unknown", "detail": detail}]);
        }
        _ => {}
    }
    problem
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

/// The component of a user with the account fields, which are serialized from two types.
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
            "A user. The account fields are present for the user and for administrators; they are `null` if there is no account.".to_owned(),
        );
        Schema::Object(object).into()
    }
}

impl ToSchema for UserWithAccount {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserWithAccount".into()
    }
}

/// The component of a page of users with the account fields.
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

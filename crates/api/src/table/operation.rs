//! An operation: the access that it requires, its parameters, its body and its responses.

use std::borrow::Cow;

use recto_domain::{Input, User};
use recto_identity::Access;
use recto_relations::{
    Cardinality, Entity, Quantifier, Relation, RelationInfo, SortField, ToMany, paths,
};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use super::parameter::{self, QueryParameter};
use crate::components::{
    Components, UserWithAccount, UserWithAccountPage, example, list_name, nullable, page_name,
    simplified,
};
use crate::extract::{Filtered, ListFilter};
use crate::parameters::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::problem::{Problem, ProblemType};

/// Conditions that items of the demo meet, by entity, for examples.
const CONDITIONS: [(&str, &str); 10] = [
    ("Review", "rating:4..5"),
    ("Book", "published_date:1800..1899"),
    ("Tag", "name:gothic"),
    ("Author", "name:Jane Austen"),
    ("Post", "title:Opening hours over midwinter"),
    ("Student", "name:Inga Berg"),
    ("Course", "title:Reading aloud"),
    ("Company", "name:Gutter Margin Ltd"),
    ("Department", "name:Proofs"),
    ("Employee", "name:Walt Stet"),
];

/// The response to a successful request.
pub(super) enum SuccessResponse {
    NoContent,
    Accepted,
    Content { status: u16, description: String, schema: Box<RefOr<Schema>> },
}

/// An operation.
///
/// The server checks `access`, refuses a query string if there are no `parameters`, and checks that
/// the client accepts the content of a `response`. All other fields are for the OpenAPI document.
pub(crate) struct Operation {
    pub(super) summary: &'static str,
    pub(super) description: Cow<'static, str>,
    pub(super) access: Access,
    pub(super) parameters: Vec<Ref>,
    /// The schema of the body, and its media type.
    pub(super) body: Option<(RefOr<Schema>, &'static str)>,
    /// The problem of a body that breaks a rule.
    pub(super) invalid_body: Option<Problem>,
    pub(super) response: SuccessResponse,
    pub(super) conflicts: &'static [ProblemType],
    pub(super) refusals: &'static [ProblemType],
    /// Whether the response has an entity tag.
    pub(super) has_etag: bool,
    /// Whether a change compares `If-Match`.
    pub(super) is_conditional: bool,
    pub(super) components: Components,
}

impl Operation {
    /// Returns an operation that requires no access and responds with 204.
    pub(crate) fn new(summary: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            summary,
            description: description.into(),
            access: Access::Anyone,
            parameters: Vec::new(),
            body: None,
            invalid_body: None,
            response: SuccessResponse::NoContent,
            conflicts: &[],
            refusals: &[],
            has_etag: false,
            is_conditional: true,
            components: Components::default(),
        }
    }

    /// Returns an operation that reads an entity, with `include` and `count`.
    pub(crate) fn item<E: Entity + ToSchema>(summary: &'static str) -> Self {
        let name = E::INFO.name.to_lowercase();
        let description = format!("Returns the {name}, with the relations requested by `include`.");
        Self::new(summary, description)
            .include_parameters::<E>()
            .returns_entity::<E>(&format!("The {name}."))
    }

    /// Returns an operation that reads a page of a collection.
    pub(crate) fn page<E: Filtered + ToSchema>(summary: &'static str) -> Self {
        let collection = E::INFO.collection;
        let description =
            format!("Returns a page of {collection}, newest first unless `sort` is given.");
        let mut operation = Self::new(summary, description)
            .page_of::<E>(&format!("{}Sort", E::INFO.name), E::INFO.sorts.iter());
        for quantifier in Quantifier::ALL {
            operation.add_relation_filter::<E>(quantifier);
        }
        for filter in E::FILTERS {
            operation.add_filter(E::INFO.name, filter);
        }
        operation
    }

    /// Returns an operation that reads a page of a to-many relation.
    pub(crate) fn many<R: ToMany<To: ToSchema, Data: ToSchema>>(summary: &'static str) -> Self {
        let order = R::INFO.order.map_or_else(
            || "Newest first".to_owned(),
            |field| format!("Sorted by `{}`", field.name),
        );
        let description = format!("{} {order} unless `sort` is given.", names_of(R::INFO));
        let sort = match R::INFO.order {
            Some(_) => format!("{}{}Sort", R::INFO.from.name, pascal(R::INFO.name)),
            None => format!("{}Sort", R::To::INFO.name),
        };
        let mut operation =
            Self::new(summary, description).page_of::<R::To>(&sort, R::INFO.sorts());
        match operation.components.add_linked_page::<R>() {
            Some(page) => {
                operation.content(200, &format!("A page of {}.", R::To::INFO.collection), page)
            }
            None => operation,
        }
    }

    /// Returns an operation that reads the entity of a to-one relation.
    pub(crate) fn one<R: Relation<To: ToSchema>>(summary: &'static str) -> Self {
        let name = R::INFO.to.name.to_lowercase();
        let mut operation = Self::new(summary, names_of(R::INFO)).include_parameters::<R::To>();
        if R::INFO.cardinality == Cardinality::Optional {
            operation.components.add_entity::<R::To>();
            let schema = nullable(Ref::from_schema_name(R::To::name()));
            operation.content(200, &format!("The {name}, or `null` if there is none."), schema)
        } else {
            operation.returns_entity::<R::To>(&format!("The {name}."))
        }
    }

    /// Returns an operation that reads a page of objects that are no entities, such as sessions.
    pub(crate) fn list<T: ToSchema, F: ListFilter>(
        summary: &'static str,
        description: &'static str,
    ) -> Self {
        let mut operation = Self::new(summary, description).paged();
        for filter in F::FILTERS {
            operation.add_filter(&T::name(), filter);
        }
        operation.has_etag = true;
        operation.components.add_list::<T>();
        let name = list_name::<T>();
        operation.content(200, "A page, newest first.", Ref::from_schema_name(name))
    }

    /// Returns whether a successful response has content.
    pub(super) fn has_content(&self) -> bool {
        matches!(self.response, SuccessResponse::Content { .. })
    }

    /// Sets the access that the caller needs.
    pub(crate) fn requires(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Ignores `If-Match`: the operation changes no entity with a version.
    pub(crate) fn unconditional(mut self) -> Self {
        self.is_conditional = false;
        self
    }

    /// Adds a JSON body.
    pub(crate) fn body<T: Input + ToSchema>(mut self) -> Self {
        self.invalid_body = invalid_body::<T>();
        self.body_as::<T>("application/json")
    }

    /// Makes a field of the body optional that the type requires alone, but not beside others.
    pub(crate) fn optional_body_field<T: ToSchema>(mut self, field: &str) -> Self {
        self.components.make_optional(&T::name(), field);
        self
    }

    /// Adds a body that is a form.
    pub(crate) fn form_body<T: ToSchema>(self) -> Self {
        self.body_as::<T>("application/x-www-form-urlencoded")
    }

    /// Responds with 200 and a JSON object that is no entity.
    pub(crate) fn returns<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(200, description, Ref::from_schema_name(T::name()))
    }

    /// Responds with 200 and an entity, with its tag.
    pub(crate) fn returns_entity<E: Entity + ToSchema>(mut self, description: &str) -> Self {
        self.components.add_entity::<E>();
        self.with_etag().content(200, description, Ref::from_schema_name(E::name()))
    }

    /// Responds with 200 and a user with the account, with the tag of the user.
    pub(crate) fn returns_account(self, description: &str) -> Self {
        self.returns::<UserWithAccount>(description).with_etag()
    }

    /// Responds with 200 and a page of users with their accounts, instead of one of users.
    pub(crate) fn returns_accounts(mut self) -> Self {
        self.components.remove(&page_name::<User>());
        self.returns::<UserWithAccountPage>("A page of users with their accounts.")
    }

    /// Responds with 201, a new entity, its `Location` and its tag.
    pub(crate) fn creates<E: Entity + ToSchema>(mut self) -> Self {
        self.components.add_entity::<E>();
        let description = format!("The new {}.", E::INFO.name.to_lowercase());
        self.with_etag().content(201, &description, Ref::from_schema_name(E::name()))
    }

    /// Responds with 201, a new object that is no entity and its `Location`.
    pub(crate) fn creates_object<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(201, description, Ref::from_schema_name(T::name()))
    }

    /// Adds a tag to the response.
    pub(crate) fn with_etag(mut self) -> Self {
        self.has_etag = true;
        self
    }

    /// Responds with 202, without content.
    pub(crate) fn accepts(mut self) -> Self {
        self.response = SuccessResponse::Accepted;
        self
    }

    /// Responds with JSON of the given schema.
    pub(crate) fn content(
        mut self,
        status: u16,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> Self {
        let (description, schema) = (description.to_owned(), Box::new(schema.into()));
        self.response = SuccessResponse::Content { status, description, schema };
        self
    }

    /// Sets the problem types of a 409.
    pub(crate) fn conflicts(mut self, problem_types: &'static [ProblemType]) -> Self {
        self.conflicts = problem_types;
        self
    }

    /// Sets the problem types that do not follow from other properties.
    pub(crate) fn refuses(mut self, problem_types: &'static [ProblemType]) -> Self {
        self.refusals = problem_types;
        self
    }

    fn body_as<T: ToSchema>(mut self, media_type: &'static str) -> Self {
        self.components.add::<T>();
        self.body = Some((Ref::from_schema_name(T::name()).into(), media_type));
        self
    }

    /// Adds a parameter, as the component of that name.
    fn add_parameter(&mut self, component: &str, parameter: ParameterBuilder) {
        self.parameters.push(self.components.add_parameter(component, parameter.build()));
    }

    fn add_filter(&mut self, entity: &str, filter: &QueryParameter) {
        let component = format!("{entity}{}", pascal(filter.name));
        self.add_parameter(&component, filter.describe());
    }

    /// Adds `some`, `none` or `only`.
    fn add_relation_filter<E: Entity>(&mut self, quantifier: Quantifier) {
        let condition = match quantifier {
            Quantifier::Some => "At least one related item matches, or exists (`relation` alone)",
            Quantifier::None => "No related item matches, or exists (`relation` alone)",
            Quantifier::Only => "All related items match",
        };
        let relations = E::INFO.relations().map(with_fields).collect::<Vec<_>>().join(", ");
        let description = format!(
            "{condition}: `relation(field:value,field:from..to)`, with ranges of numbers and dates. The relations and their fields are {relations}."
        );
        let example = CONDITIONS.iter().find_map(|(entity, condition)| {
            let relation = E::INFO.relations().find(|relation| relation.to.name == *entity)?;
            Some(json!([format!("{}({condition})", relation.name)]))
        });
        if quantifier == Quantifier::Only && example.is_none() {
            // No field can be compared.
            return;
        }
        let example = example.or_else(|| {
            let relation = E::INFO.relations().next()?;
            Some(json!([relation.name]))
        });
        // `only` requires a condition.
        let condition = if quantifier == Quantifier::Only { "" } else { "?" };
        let names = E::INFO.relations().map(|relation| relation.name).collect::<Vec<_>>();
        let pattern = format!(r"^({})(\(.+\)){condition}$", names.join("|"));
        let item = string().pattern(Some(pattern));
        let parameter = parameter::query(quantifier.name(), &description)
            .schema(Some(ArrayBuilder::new().items(item).examples(example)))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true));
        self.add_parameter(&format!("{}{}", E::INFO.name, pascal(quantifier.name())), parameter);
    }

    /// Adds `limit`, `cursor` and `total`.
    fn paged(mut self) -> Self {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .default(Some(DEFAULT_LIMIT.into()))
            .examples([json!(5)]);
        let description =
            format!("The maximum number of items. More than {MAX_LIMIT} counts as {MAX_LIMIT}.");
        let limit = parameter::query("limit", &description).schema(Some(limit));
        self.add_parameter("Limit", limit);
        let description = "The `next_cursor` or `prev_cursor` of another page of the same query.";
        self.add_parameter(
            "Cursor",
            parameter::query("cursor", description)
                .schema(Some(string().pattern(Some("^[A-Za-z0-9_-]+$")))),
        );
        let total = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()))
            .examples([json!(true)]);
        let description = "`true` adds `total`, the number of all items, counted up to 10,000.";
        let total = parameter::query("total", description).schema(Some(total));
        self.add_parameter("Total", total);
        self
    }

    /// Adds the parameters and the response of a page, with `sort` as a component of that name.
    fn page_of<E: Entity + ToSchema>(
        mut self,
        sort: &str,
        sorts: impl Iterator<Item = &'static SortField>,
    ) -> Self {
        self.components.add_page::<E>();
        self = self.paged();
        let fields: Vec<_> = sorts.map(|field| field.name).collect();
        let description =
            "Fields to sort by, with a minus for descending order. Empty values come last.";
        let example = fields.first().map(|field| format!("-{field}"));
        let both = fields.iter().flat_map(|field| [(*field).to_owned(), format!("-{field}")]);
        let item = string().enum_values(Some(both));
        let parameter = parameter::list("sort", description, item, example.as_deref());
        self.add_parameter(sort, parameter);
        self.include_parameters::<E>().content(
            200,
            &format!("A page of {}.", E::INFO.collection),
            Ref::from_schema_name(page_name::<E>()),
        )
    }

    /// Adds `include`, `count` and `fields`, and the tag of a response with entities.
    pub(crate) fn include_parameters<E: Entity>(mut self) -> Self {
        self.has_etag = true;
        let name = E::INFO.name;
        let known = list_names(E::INFO.relations());
        let deeper = paths(E::INFO, 2).into_iter().find(|path| path.contains('.'));
        let deeper = deeper.unwrap_or_default();
        let description = format!(
            "Relations to load, as paths of at most three names: {known}, {deeper}, … A to-many relation may be followed by `(limit:5,sort:-field)`."
        );
        let first = E::INFO.relations().next().map(|relation| relation.name);
        let path = string().pattern(Some(r"^[a-z_]+(\.[a-z_]+){0,2}(\([ -~]*\))?(\.[ -~]+)?$"));
        let include = parameter::list("include", &description, path, first);
        self.add_parameter(&format!("{name}Include"), include);
        let to_many =
            || E::INFO.relations().filter(|relation| relation.cardinality == Cardinality::Many);
        let countable = list_names(to_many());
        let description = if countable.is_empty() {
            "Paths of relations of included items, to count without loading them.".to_owned()
        } else {
            format!(
                "Relations to count without loading them: {countable}. A path counts a relation of included items."
            )
        };
        let path = string().pattern(Some(r"^[a-z_]+(\.[a-z_]+){0,2}$"));
        // A path can be counted only if its relation is included, so it is no example.
        let first = to_many().next().map(|relation| relation.name);
        let count = parameter::list("count", &description, path, first);
        self.add_parameter(&format!("{name}Count"), count);
        let own = E::INFO.fields.iter().map(|field| field.name).chain(["etag"]);
        let description = "Own fields to show, with the key; `etag` is the tag of the item.";
        let first = E::INFO.fields.iter().map(|field| field.name).nth(1);
        let fields = parameter::list("fields", description, string().enum_values(Some(own)), first);
        self.add_parameter(&format!("{name}Fields"), fields);
        self
    }
}

/// Returns the problem of the example of a body without a required field or, where none is required,
/// with `null` as its first field.
fn invalid_body<T: Input + ToSchema>() -> Option<Problem> {
    let schema = simplified(T::schema());
    let RefOr::T(Schema::Object(object)) = &schema else { return None };
    let mut body = example(&schema)?;
    match object.required.first() {
        Some(name) => _ = body.as_object_mut()?.remove(name),
        None => body[object.properties.keys().next()?] = Value::Null,
    }
    T::parse(&body).err().map(Problem::invalid_body)
}

/// Returns `PublishedFrom` for `published_from`.
pub(super) fn pascal(name: &str) -> String {
    name.split(['_', '-'])
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// Returns the schema of a string.
pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Returns a relation with the fields of its items that can be compared.
fn with_fields(relation: &RelationInfo) -> String {
    let fields = relation.to.sorts.iter().map(|field| field.name);
    let fields = fields.filter(|name| *name != "created_at").collect::<Vec<_>>().join(",");
    match fields.as_str() {
        "" => format!("`{}`", relation.name),
        fields => format!("`{}({fields})`", relation.name),
    }
}

fn list_names(relations: impl Iterator<Item = &'static RelationInfo>) -> String {
    relations.map(|relation| relation.name).collect::<Vec<_>>().join(", ")
}

/// Returns a sentence with both names of a relation.
fn names_of(relation: &RelationInfo) -> String {
    let RelationInfo { from, name, to, inverse, .. } = relation;
    format!("Returns `{}.{name}`; its inverse is `{}.{inverse}`.", from.name, to.name)
}

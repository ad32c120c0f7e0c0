//! An operation: the access that it requires, its parameters, its body and its responses.

use std::borrow::Cow;

use recto_domain::{Input, User};
use recto_identity::Access;
use recto_relations::{Cardinality, Entity, Quantifier, Relation, RelationInfo, ToMany};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};

use super::parameter::pascal;
use crate::components::{
    Components, UserWithAccount, UserWithAccountPage, example, list_name, nullable, page_name,
    simplified,
};
use crate::extract::{Filtered, ListFilter};
use crate::problem::{Problem, ProblemType};

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

    /// Returns an operation that reads a page of objects that are not entities, such as sessions.
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

    /// Makes a field of the body optional: the type requires it unless others replace it.
    pub(crate) fn optional_body_field<T: ToSchema>(mut self, field: &str) -> Self {
        self.components.make_optional(&T::name(), field);
        self
    }

    /// Adds a body that is a form.
    pub(crate) fn form_body<T: ToSchema>(self) -> Self {
        self.body_as::<T>("application/x-www-form-urlencoded")
    }

    /// Responds with 200 and a JSON object that is not an entity.
    pub(crate) fn returns<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(200, description, Ref::from_schema_name(T::name()))
    }

    /// Responds with 200 and an entity, with its entity tag.
    pub(crate) fn returns_entity<E: Entity + ToSchema>(mut self, description: &str) -> Self {
        self.components.add_entity::<E>();
        self.with_etag().content(200, description, Ref::from_schema_name(E::name()))
    }

    /// Responds with 200 and a user with the account, with the entity tag of the user.
    pub(crate) fn returns_account(self, description: &str) -> Self {
        self.returns::<UserWithAccount>(description).with_etag()
    }

    /// Responds with 200 and a page of users with their accounts, instead of one of users.
    pub(crate) fn returns_accounts(mut self) -> Self {
        self.components.remove(&page_name::<User>());
        self.returns::<UserWithAccountPage>("A page of users with their accounts.")
    }

    /// Responds with 201, a new entity, its `Location` and its entity tag.
    pub(crate) fn creates<E: Entity + ToSchema>(mut self) -> Self {
        self.components.add_entity::<E>();
        let description = format!("The new {}.", E::INFO.name.to_lowercase());
        self.with_etag().content(201, &description, Ref::from_schema_name(E::name()))
    }

    /// Responds with 201, a new object that is not an entity and its `Location`.
    pub(crate) fn creates_object<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(201, description, Ref::from_schema_name(T::name()))
    }

    /// Adds an entity tag to the response.
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
}

/// Returns the problem of the example of a body without a required field or, where none is
/// required, with `null` as its first field.
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

/// Returns a sentence with both names of a relation.
fn names_of(relation: &RelationInfo) -> String {
    let RelationInfo { from, name, to, inverse, .. } = relation;
    format!("Returns `{}.{name}`; its inverse is `{}.{inverse}`.", from.name, to.name)
}

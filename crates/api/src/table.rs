//! The table that routes and their documentation both come from.
//!
//! An operation says once who may call it, what it takes and what it gives.
//! The route, the parameters, the security requirement and every status in the
//! OpenAPI document follow from that.

mod describe;

use std::borrow::Cow;

use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Route, web};
use recto_domain::User;
use recto_relations::{Entity, Quantifier, Relation, SortField, ToMany, paths};
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr, Required};

pub(crate) use describe::describe;

use crate::BASE_PATH;
use crate::components::{Components, UserWithAccountPage, list_name, nullable, page_name};
use crate::endpoint::{self, Endpoint};
use crate::error::Error;
use crate::extract::{Filtered, Narrowed};
use crate::problem::{Problem, ProblemType};
use recto_identity::Access;

/// What a successful answer is.
enum Answer {
    NoContent,
    Accepted,
    Content {
        status: u16,
        description: String,
        schema: Box<RefOr<Schema>>,
        media_type: &'static str,
    },
}

/// An operation, as the document describes it.
pub(crate) struct Operation {
    summary: &'static str,
    description: Cow<'static, str>,
    access: Access,
    parameters: Vec<Parameter>,
    body: Option<(RefOr<Schema>, &'static [&'static str])>,
    answer: Answer,
    conflicts: &'static [ProblemType],
    refusals: &'static [ProblemType],
    components: Components,
}

impl Operation {
    /// An operation that answers with nothing, for anyone.
    pub(crate) fn new(summary: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            summary,
            description: description.into(),
            access: Access::Anyone,
            parameters: Vec::new(),
            body: None,
            answer: Answer::NoContent,
            conflicts: &[],
            refusals: &[],
            components: Components::default(),
        }
    }

    /// Who may call it.
    pub(crate) fn requires(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// It takes a JSON body.
    pub(crate) fn body<T: ToSchema>(self) -> Self {
        self.body_as::<T>(&["application/json"])
    }

    /// It takes a merge patch (RFC 7396).
    pub(crate) fn patch_body<T: ToSchema>(self) -> Self {
        self.body_as::<T>(&["application/merge-patch+json", "application/json"])
    }

    /// It takes a form.
    pub(crate) fn form_body<T: ToSchema>(self) -> Self {
        self.body_as::<T>(&["application/x-www-form-urlencoded"])
    }

    fn body_as<T: ToSchema>(mut self, media_types: &'static [&'static str]) -> Self {
        self.components.add::<T>();
        self.body = Some((Ref::from_schema_name(T::name()).into(), media_types));
        self
    }

    /// It answers 200 with a JSON object.
    pub(crate) fn returns<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(200, description, Ref::from_schema_name(T::name()))
    }

    /// Its page shows the accounts of users.
    pub(crate) fn returns_accounts(self) -> Self {
        self.without(&page_name::<User>())
            .returns::<UserWithAccountPage>("A page of users with their accounts.")
    }

    /// It answers 200 with an entity.
    pub(crate) fn returns_entity<E: Entity + ToSchema>(mut self, description: &str) -> Self {
        self.components.add_entity::<E>();
        self.content(200, description, Ref::from_schema_name(E::name()))
    }

    /// It answers 201 with a new entity, and its `Location`.
    pub(crate) fn creates<E: Entity + ToSchema>(mut self) -> Self {
        self.components.add_entity::<E>();
        let description = format!("The new {}.", E::INFO.name.to_lowercase());
        self.content(201, &description, Ref::from_schema_name(E::name()))
    }

    /// It answers 201 with something new that is no entity, and its `Location`.
    pub(crate) fn makes<T: ToSchema>(mut self, description: &str) -> Self {
        self.components.add::<T>();
        self.content(201, description, Ref::from_schema_name(T::name()))
    }

    /// It answers 202 with nothing.
    pub(crate) fn accepts(mut self) -> Self {
        self.answer = Answer::Accepted;
        self
    }

    /// A page of what is listed by its key alone.
    pub(crate) fn list<T: ToSchema, F: Narrowed>(
        summary: &'static str,
        description: &'static str,
    ) -> Self {
        let mut operation = Self::new(summary, description).paged();
        for (name, description) in F::FILTERS {
            operation.parameters.push(query(name, description, text()));
        }
        operation.components.add_list::<T>();
        operation.content(200, "A page.", Ref::from_schema_name(list_name::<T>()))
    }

    /// It takes `limit` and `cursor`.
    fn paged(mut self) -> Self {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .default(Some(20.into()));
        self.parameters.push(query(
            "limit",
            "How many there may be. More than 100 are clamped to 100.",
            limit,
        ));
        self.parameters.push(query(
            "cursor",
            "Where the page begins: the `next_cursor` of the page before.",
            text(),
        ));
        self
    }

    /// It answers 200 with a schema of its own.
    pub(crate) fn content(
        mut self,
        status: u16,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> Self {
        let (description, schema) = (description.to_owned(), Box::new(schema.into()));
        self.answer =
            Answer::Content { status, description, schema, media_type: "application/json" };
        self
    }

    /// It may be refused with 409 for these reasons.
    pub(crate) fn conflicts(mut self, kinds: &'static [ProblemType]) -> Self {
        self.conflicts = kinds;
        self
    }

    /// It may be refused for these further reasons.
    pub(crate) fn refuses(mut self, kinds: &'static [ProblemType]) -> Self {
        self.refusals = kinds;
        self
    }

    /// An item of an entity: `include` and `count`.
    pub(crate) fn item<E: Entity + ToSchema>(summary: &'static str) -> Self {
        let name = E::INFO.name.to_lowercase();
        Self::new(summary, format!("One {name} by its key, with the relations asked for."))
            .include_parameters::<E>()
            .returns_entity::<E>(&format!("The {name}."))
    }

    /// A page of all entities of a kind.
    pub(crate) fn page<E: Filtered + ToSchema>(summary: &'static str) -> Self {
        let description = format!(
            "A page of {}, the newest first unless `sort` says otherwise.",
            E::INFO.collection
        );
        let mut operation = Self::new(summary, description).page_of::<E>(E::INFO.sorts.iter());
        let relations = E::INFO.relations().map(|relation| relation.name);
        let relations = relations.collect::<Vec<_>>().join(", ");
        for (quantifier, what) in Quantifier::ALL.into_iter().zip([
            "at least one is related that meets the conditions",
            "none is related that meets the conditions",
            "all that are related meet the conditions",
        ]) {
            let description = format!(
                "Where {what}: `relation(field:value,field:from..to)`, the conditions optional but for `only`. The relations are {relations}."
            );
            operation.parameters.push(query(quantifier.name(), &description, text()));
        }
        for (name, description) in E::FILTERS {
            let parameter = query(name, description, text());
            operation.parameters.push(parameter);
        }
        operation
    }

    /// A page of what a to-many relation leads to.
    pub(crate) fn many<R: ToMany<To: ToSchema, Data: ToSchema>>(summary: &'static str) -> Self {
        let description = format!(
            "A page of `{}.{}`; `{}.{}` is the way back.",
            R::INFO.from.name,
            R::INFO.name,
            R::INFO.to.name,
            R::INFO.inverse
        );
        let description = match R::INFO.order {
            Some(field) => {
                format!("{description} By `{}` unless `sort` says otherwise.", field.name)
            }
            None => description,
        };
        let mut operation = Self::new(summary, description).page_of::<R::To>(R::INFO.sorts());
        operation.components.add_links::<R>();
        operation
    }

    /// What a to-one relation leads to.
    pub(crate) fn one<R: Relation<To: ToSchema>>(summary: &'static str) -> Self {
        let description = format!(
            "`{}.{}`; `{}.{}` is the way back.",
            R::INFO.from.name,
            R::INFO.name,
            R::INFO.to.name,
            R::INFO.inverse
        );
        let name = R::INFO.to.name.to_lowercase();
        let operation = Self::new(summary, description).include_parameters::<R::To>();
        if R::INFO.cardinality == recto_relations::Cardinality::Optional {
            let mut operation = operation;
            operation.components.add_entity::<R::To>();
            let schema = nullable(Ref::from_schema_name(R::To::name()));
            operation.content(200, &format!("The {name}, or `null` if there is none."), schema)
        } else {
            operation.returns_entity::<R::To>(&format!("The {name}."))
        }
    }

    /// It does not show that component after all.
    pub(crate) fn without(mut self, component: &str) -> Self {
        self.components.remove(component);
        self
    }

    fn page_of<E: Entity + ToSchema>(
        mut self,
        sorts: impl Iterator<Item = &'static SortField>,
    ) -> Self {
        self.components.add_page::<E>();
        self = self.paged();
        let sorts = sorts.map(|field| field.name).collect::<Vec<_>>().join(", ");
        self.parameters.push(query(
            "sort",
            &format!("Fields to sort by, a minus for descending: {sorts}. Empty values come last."),
            text(),
        ));
        self.include_parameters::<E>().content(
            200,
            &format!("A page of {}.", E::INFO.collection),
            Ref::from_schema_name(page_name::<E>()),
        )
    }

    fn include_parameters<E: Entity>(mut self) -> Self {
        let known = paths(E::INFO, 2).join(", ");
        self.parameters.push(query(
            "include",
            &format!("Relations to load along, as paths of at most three: {known}, … An edge to many may carry `(limit:5,sort:-field)`."),
            text(),
        ));
        let countable: Vec<_> = E::INFO
            .relations()
            .filter(|relation| relation.cardinality == recto_relations::Cardinality::Many)
            .map(|relation| relation.name)
            .collect();
        let description = match countable.as_slice() {
            [] => {
                "Relations to count without loading them, behind what `include` loads.".to_owned()
            }
            names => format!(
                "Relations to count without loading them: {}; as a path, those behind what `include` loads.",
                names.join(", ")
            ),
        };
        self.parameters.push(query("count", &description, text()));
        self
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn query(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// The routes of a room, in the making.
pub(crate) struct Table {
    tag: &'static str,
    resources: Vec<(String, Vec<(Method, Route)>)>,
    /// The operations: path, method, tag and description.
    operations: Vec<(String, Method, &'static str, Operation)>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { tag: "", resources: Vec::new(), operations: Vec::new() }
    }

    /// What follows belongs to that group of the document.
    pub(crate) fn group(&mut self, tag: &'static str) -> &mut Self {
        self.tag = tag;
        self
    }

    /// What follows is at that path below the base path.
    pub(crate) fn at(&mut self, path: &str) -> At<'_> {
        self.resources.push((path.to_owned(), Vec::new()));
        At { table: self }
    }

    /// The routes, each path refusing the methods it does not have.
    pub(crate) fn configure(self, config: &mut web::ServiceConfig) {
        let mut scope = web::scope(BASE_PATH);
        for (path, routes) in self.resources {
            scope = scope.service(resource(&path, routes));
        }
        config.service(scope);
    }

    /// The operations, for the document.
    pub(crate) fn into_operations(self) -> Vec<(String, Method, &'static str, Operation)> {
        self.operations
    }
}

/// A path with its routes; other methods are refused with those it has.
pub(crate) fn resource(path: &str, routes: Vec<(Method, Route)>) -> actix_web::Resource {
    let allow = routes.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ");
    let mut resource = web::resource(path);
    for (_, route) in routes {
        resource = resource.route(route);
    }
    resource.default_service(web::to(move || {
        let problem = Problem::method_not_allowed(allow.clone());
        async move { Err::<HttpResponse, _>(Error::from(problem)) }
    }))
}

/// A path in the making.
pub(crate) struct At<'t> {
    table: &'t mut Table,
}

impl At<'_> {
    /// The path answers GET.
    pub(crate) fn get<A: FromRequest + 'static>(
        self,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        self.add(Method::GET, handler, operation)
    }

    /// The path answers POST.
    pub(crate) fn post<A: FromRequest + 'static>(
        self,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        self.add(Method::POST, handler, operation)
    }

    /// The path answers PUT.
    pub(crate) fn put<A: FromRequest + 'static>(
        self,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        self.add(Method::PUT, handler, operation)
    }

    /// The path answers PATCH.
    pub(crate) fn patch<A: FromRequest + 'static>(
        self,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        self.add(Method::PATCH, handler, operation)
    }

    /// The path answers DELETE.
    pub(crate) fn delete<A: FromRequest + 'static>(
        self,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        self.add(Method::DELETE, handler, operation)
    }

    fn add<A: FromRequest + 'static>(
        self,
        method: Method,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        let (access, has_query) = (operation.access, !operation.parameters.is_empty());
        let answer = move |request: HttpRequest, payload: web::Payload| {
            let payload = payload.into_inner();
            endpoint::answer(handler.clone(), access, has_query, request, payload)
        };
        let route = web::method(method.clone()).to(answer);
        let tag = self.table.tag;
        if let Some((path, routes)) = self.table.resources.last_mut() {
            routes.push((method.clone(), route));
            let path = path.clone();
            self.table.operations.push((path, method, tag, operation));
        }
        self
    }
}

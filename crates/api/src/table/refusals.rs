//! The refusals of an operation in the OpenAPI document, with examples.
//!
//! Examples of a 409 or a 422 are made for the operation, and those of a 404 for the kind of item.
//! All others are shared.

use actix_web::http::{Method, StatusCode};
use recto_domain::{Code, Invalid, MODULES, User};
use recto_identity::Access;
use recto_relations::{Cardinality, Entity as _, Include, OnDelete};
use serde_json::Value;
use utoipa::ToSchema as _;
use utoipa::openapi::example::{self, ExampleBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::operation::Operation;
use super::parameter::pascal;
use super::route_path::{filled, is_conditional, is_repeatable, item_name, keys};
use crate::components::{self, Components};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::{BASE_PATH, paths};

/// The path of the examples that fit every operation.
const ANY_PATH: &str = "/api/v1/...";

/// An operation with its path and method.
pub(super) struct Refusals<'o> {
    pub(super) path: &'o str,
    pub(super) method: &'o Method,
    pub(super) operation: &'o Operation,
}

/// An example of a problem, with its name if operations share it.
struct OperationExample {
    shared: Option<String>,
    problem: Problem,
    instance: String,
}

impl Refusals<'_> {
    /// Returns the responses by their status, and adds those that operations share.
    pub(super) fn responses(
        &self,
        components: &mut Components,
    ) -> Vec<(StatusCode, RefOr<Response>)> {
        let mut types = self.problem_types();
        types.sort_by_key(|problem_type| problem_type.status());
        let statuses = types.chunk_by(|one, next| one.status() == next.status());
        statuses.map(|same| (same[0].status(), self.response(same, components))).collect()
    }

    /// Returns the problem types with which the operation may be refused, each once.
    pub(super) fn problem_types(&self) -> Vec<ProblemType> {
        let Self { path, method, operation } = self;
        let mut types = vec![ProblemType::InvalidParameter];
        if operation.has_content() {
            types.push(ProblemType::NotAcceptable);
        }
        if let Some((_, media_type)) = &operation.body {
            types.extend([
                ProblemType::RequestTimeout,
                ProblemType::TooLarge,
                ProblemType::UnsupportedMediaType,
            ]);
            if *media_type == "application/json" {
                types.extend([
                    ProblemType::MalformedJson,
                    ProblemType::MalformedRequest,
                    ProblemType::InvalidBody,
                ]);
            }
        }
        match operation.access {
            Access::Anyone => {}
            Access::OptionalSignIn | Access::SignedIn => types.push(ProblemType::Unauthenticated),
            Access::Session | Access::VerifiedSession | Access::Verified | Access::Admin => {
                types.extend([ProblemType::Unauthenticated, ProblemType::Forbidden]);
            }
            Access::AdminStepUp => {
                types.extend([
                    ProblemType::Unauthenticated,
                    ProblemType::SignInTooOld,
                    ProblemType::Forbidden,
                ]);
            }
        }
        if operation.access.counts_writes() && **method != Method::GET {
            types.push(ProblemType::TooManyRequests);
        }
        if path.contains('{') {
            types.push(ProblemType::NotFound);
        }
        if is_conditional(path, method, operation) {
            types.extend([ProblemType::MalformedRequest, ProblemType::PreconditionFailed]);
        }
        types.extend(operation.conflicts);
        types.extend(operation.refusals);
        if is_repeatable(path, method) {
            types.extend([
                ProblemType::MalformedRequest,
                ProblemType::RequestInProgress,
                ProblemType::IdempotencyKeyReused,
            ]);
        }
        types.extend([
            ProblemType::Internal,
            ProblemType::Overloaded,
            ProblemType::TimedOut,
            ProblemType::Unavailable,
        ]);
        let mut seen = Vec::new();
        types.retain(|problem_type| {
            let is_new = !seen.contains(problem_type);
            seen.push(*problem_type);
            is_new
        });
        types
    }

    fn response(&self, types: &[ProblemType], components: &mut Components) -> RefOr<Response> {
        let examples: Vec<_> = types.iter().map(|one| self.example(*one)).collect();
        let schema = Ref::from_schema_name(ProblemBody::name());
        let content = ContentBuilder::new().schema(Some(schema));
        // The document would be too large with an operation's own examples and the shared ones.
        let own: Vec<_> = examples.iter().filter(|example| example.shared.is_none()).collect();
        let shown = if own.is_empty() { examples.iter().collect() } else { own };
        let content = match shown[..] {
            [only] => content.example(Some(only.value())),
            _ => content.examples_from_iter(shown.into_iter().map(|one| one.named(components))),
        };
        let titles: Vec<_> = types.iter().map(|one| one.title()).collect();
        let mut response = ResponseBuilder::new()
            .description(format!("{}.", titles.join("; ")))
            .content("application/problem+json", content.build());
        for name in types.iter().flat_map(|one| one.headers()) {
            response = response.header_ref(*name, components::header(name));
        }
        let names: Option<Vec<_>> = examples.into_iter().map(|example| example.shared).collect();
        match (names, types[0].status().canonical_reason()) {
            (Some(names), Some(status)) if names.len() > 2 => {
                components.add_response(&pascal(&status.replace(' ', "_")), response.build()).into()
            }
            (Some(names), _) => components.add_response(&names.join("Or"), response.build()).into(),
            (None, _) => response.build().into(),
        }
    }

    fn example(&self, problem_type: ProblemType) -> OperationExample {
        let of_operation = |problem| OperationExample {
            shared: None,
            problem,
            instance: format!("{BASE_PATH}{}", filled(self.path)),
        };
        match problem_type {
            ProblemType::InvalidParameter => self.invalid_parameter(),
            ProblemType::NotFound => self.not_found().unwrap_or_else(|| {
                let token = Problem::unusable_token();
                of_operation(token)
            }),
            ProblemType::InvalidBody => {
                let refused = self.operation.invalid_body.clone();
                of_operation(refused.unwrap_or_else(|| Problem::of(problem_type)))
            }
            ProblemType::StillReferenced => of_operation(self.still_referenced()),
            ProblemType::UsernameTaken
            | ProblemType::EmailTaken
            | ProblemType::TagExists
            | ProblemType::AuthorExists
            | ProblemType::AlreadyReviewed
            | ProblemType::ReportingCycle => of_operation(Problem::of_any_operation(problem_type)),
            _ => OperationExample::of_any_operation(problem_type),
        }
    }

    /// Returns the example for a parameter that the operation has, if it has any.
    fn invalid_parameter(&self) -> OperationExample {
        let has =
            |name| self.operation.parameters.iter().any(|one| one.ref_location.ends_with(name));
        let (name, parameters) = if has("/Limit") {
            let mut parameters = Parameters::parse("limit=many");
            parameters.limit();
            ("InvalidPageParameter", parameters)
        } else if has("Include") {
            let mut parameters = Parameters::default();
            if let Err(error) = Include::parse(User::INFO, "(limit:5)") {
                parameters.refuse("include", Invalid::new(Code::Format, error.to_string()));
            }
            ("InvalidItemParameter", parameters)
        } else {
            ("InvalidParameter", Parameters::parse("limit=5"))
        };
        let problem = Problem::invalid_query(parameters.finish(&[]).err().unwrap_or_default());
        OperationExample { shared: Some(name.to_owned()), problem, instance: ANY_PATH.to_owned() }
    }

    /// Returns the example for the first item of the path, if it has one.
    fn not_found(&self) -> Option<OperationExample> {
        let (item, _) = keys(self.path).next()?;
        let end = self.path.find('}')? + 1;
        Some(OperationExample {
            shared: Some(format!("{}NotFound", pascal(&item))),
            problem: Problem::not_found(item_name(&item)),
            instance: format!("{BASE_PATH}{}", filled(&self.path[..end])),
        })
    }

    /// Returns the problem of the relation that keeps the item from being deleted.
    fn still_referenced(&self) -> Problem {
        let entities = MODULES.iter().flat_map(|module| module.entities);
        let restricting = entities
            .filter(|entity| paths::item(entity) == self.path)
            .flat_map(|entity| entity.relations())
            .find(|relation| {
                relation.cardinality == Cardinality::Many
                    && relation.on_delete == Some(OnDelete::Restrict)
            });
        Problem::still_referenced(restricting.map_or("items", |relation| relation.name))
    }
}

impl OperationExample {
    fn of_any_operation(problem_type: ProblemType) -> Self {
        Self {
            shared: Some(format!("{problem_type:?}")),
            problem: Problem::of_any_operation(problem_type),
            instance: ANY_PATH.to_owned(),
        }
    }

    fn value(&self) -> Value {
        self.problem.example(&self.instance)
    }

    /// Returns the example with its name in a response.
    fn named(&self, components: &mut Components) -> (&'static str, RefOr<example::Example>) {
        let problem_type = self.problem.problem_type();
        let example = match &self.shared {
            Some(name) => RefOr::Ref(components.add_example(name, self.value())),
            None => ExampleBuilder::new().value(Some(self.value())).build().into(),
        };
        (problem_type.slug(), example)
    }
}

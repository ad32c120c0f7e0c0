//! The description of an operation in the OpenAPI document.

use actix_web::http::Method;
use recto_identity::Access;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, PathItem, Required, Response, ResponseBuilder, ResponsesBuilder,
};

use super::RoutedOperation;
use super::operation::{Operation, SuccessResponse, string};
use crate::components::{Components, refusal};
use crate::{BASE_PATH, ProblemType};

/// Returns the path of an operation and its description, and adds the schemas that it refers to.
pub(crate) fn describe(routed: RoutedOperation, components: &mut Components) -> (String, PathItem) {
    let RoutedOperation { path, method, tag, operation } = routed;
    let refusals = refusals(&path, &method, &operation);
    let has_tag = operation.has_tag && method == Method::GET;
    let is_conditional = is_conditional(&path, &method, &operation);
    let is_repeatable = is_repeatable(&path, &method);
    components.merge(operation.components);
    let (status, mut success) = success(operation.response);
    if has_tag {
        let tag = HeaderBuilder::new()
            .schema(Some(string()))
            .description(Some("The tag of the response, for `If-None-Match` and `If-Match`."));
        success.headers.insert("ETag".to_owned(), tag.build().into());
    }
    if is_repeatable {
        let replayed = HeaderBuilder::new()
            .schema(Some(string()))
            .description(Some("`true` if this is the stored answer to an earlier request."));
        success.headers.insert("Idempotency-Replayed".to_owned(), replayed.build().into());
    }
    let mut responses = ResponsesBuilder::new().response(status, success);
    if has_tag {
        let known = ResponseBuilder::new().description("The client has this response already.");
        responses = responses.response("304", known.build());
    }
    for (status, problem_types) in refusals {
        responses = responses.response(status.to_string(), refusal(&problem_types));
    }
    let description = match access_note(operation.access) {
        Some(note) => format!("{} {note}", operation.description),
        None => operation.description.into_owned(),
    };
    let mut described = OperationBuilder::new()
        .tag(tag)
        .summary(Some(operation.summary))
        .description(Some(description))
        .operation_id(Some(operation_id(&path, &method)))
        .responses(responses.build());
    for name in path_parameters(&path) {
        described = described.parameter(path_parameter(&path, name));
    }
    for parameter in operation.parameters {
        described = described.parameter(parameter);
    }
    if has_tag {
        let description = "The tags of responses that the client has.";
        described = described.parameter(header("If-None-Match", description));
    }
    if is_conditional {
        let description =
            "Tags of the item, or `*`. The change is refused if the item has another version.";
        described = described.parameter(header("If-Match", description));
    }
    if is_repeatable {
        let description = "A new key for each change, of 1 to 255 visible ASCII characters. A request that is sent again with its key within 24 hours gets the same answer, and changes nothing.";
        described = described.parameter(header("Idempotency-Key", description));
    }
    if let Some((schema, media_types)) = operation.body {
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for media_type in media_types {
            let content = ContentBuilder::new().schema(Some(schema.clone())).build();
            body = body.content(*media_type, content);
        }
        described = described.request_body(Some(body.build()));
    }
    for requirement in security(operation.access) {
        described = described.security(requirement);
    }
    (format!("{BASE_PATH}{path}"), PathItem::new(http_method(&method), described.build()))
}

/// Returns the sentence about the access that an operation requires.
fn access_note(access: Access) -> Option<&'static str> {
    match access {
        Access::Anyone => None,
        Access::OptionalSignIn => Some("Signing in is optional."),
        Access::SignedIn => Some("Requires a session or an API key."),
        Access::Session => Some("Requires a session; API keys are refused."),
        Access::VerifiedSession => {
            Some("Requires a session of a verified account; API keys are refused.")
        }
        Access::Verified => Some("Requires a verified account."),
        Access::Admin => Some("Administrators only; an API key needs the scope `admin`."),
        Access::AdminStepUp => Some(
            "Administrators only, with a sign-in of at most ten minutes ago; an API key needs the scope `admin`.",
        ),
    }
}

fn security(access: Access) -> Vec<SecurityRequirement> {
    let scheme = |name| SecurityRequirement::new(name, [] as [&str; 0]);
    match access {
        Access::Anyone => Vec::new(),
        Access::OptionalSignIn => {
            vec![scheme("bearer"), scheme("password"), SecurityRequirement::default()]
        }
        Access::SignedIn
        | Access::Session
        | Access::VerifiedSession
        | Access::Verified
        | Access::Admin
        | Access::AdminStepUp => vec![scheme("bearer"), scheme("password")],
    }
}

fn success(response: SuccessResponse) -> (String, Response) {
    let (status, response) = match response {
        SuccessResponse::NoContent => (204, ResponseBuilder::new().description("Done.")),
        SuccessResponse::Accepted => {
            (202, ResponseBuilder::new().description("Accepted. Any result is sent by e-mail."))
        }
        SuccessResponse::Content { status, description, schema } => {
            let content = ContentBuilder::new().schema(Some(*schema)).build();
            let mut response = ResponseBuilder::new()
                .description(description)
                .content("application/json", content);
            if status == 201 {
                let header = HeaderBuilder::new()
                    .schema(Some(string()))
                    .description(Some("The URL of the new item."));
                response = response.header("Location", header.build());
            }
            (status, response)
        }
    };
    (status.to_string(), response.build())
}

/// Returns whether an operation compares `If-Match` with the version of an item.
fn is_conditional(path: &str, method: &Method, operation: &Operation) -> bool {
    operation.is_conditional
        && matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
        && path.contains('{')
        && !path.starts_with("/auth/")
}

/// Returns whether an operation accepts an idempotency key.
fn is_repeatable(path: &str, method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH) && !path.starts_with("/auth/")
}

/// Returns the statuses with which an operation may be refused, with their problem types.
fn refusals(path: &str, method: &Method, operation: &Operation) -> Vec<(u16, Vec<ProblemType>)> {
    let mut problem_types = vec![ProblemType::InvalidParameter];
    if operation.has_content() {
        problem_types.push(ProblemType::NotAcceptable);
    }
    if let Some((_, media_types)) = &operation.body {
        problem_types.extend([
            ProblemType::RequestTimeout,
            ProblemType::TooLarge,
            ProblemType::UnsupportedMediaType,
        ]);
        if media_types.contains(&"application/json") {
            problem_types.extend([ProblemType::MalformedJson, ProblemType::InvalidBody]);
        }
    }
    match operation.access {
        Access::Anyone => {}
        Access::OptionalSignIn | Access::SignedIn => {
            problem_types.push(ProblemType::Unauthenticated);
        }
        Access::Session | Access::VerifiedSession | Access::Verified | Access::Admin => {
            problem_types.extend([ProblemType::Unauthenticated, ProblemType::Forbidden]);
        }
        Access::AdminStepUp => {
            problem_types.extend([
                ProblemType::Unauthenticated,
                ProblemType::SignInTooOld,
                ProblemType::Forbidden,
            ]);
        }
    }
    let is_counted = matches!(operation.access, Access::VerifiedSession | Access::Verified);
    if is_counted && method != Method::GET {
        problem_types.push(ProblemType::TooManyRequests);
    }
    if path.contains('{') {
        problem_types.push(ProblemType::NotFound);
    }
    if is_conditional(path, method, operation) {
        problem_types.extend([ProblemType::MalformedRequest, ProblemType::PreconditionFailed]);
    }
    problem_types.extend(operation.conflicts);
    problem_types.extend(operation.refusals);
    if is_repeatable(path, method) {
        problem_types.extend([
            ProblemType::MalformedRequest,
            ProblemType::RequestInProgress,
            ProblemType::IdempotencyKeyReused,
        ]);
    }
    problem_types.extend([
        ProblemType::Internal,
        ProblemType::Overloaded,
        ProblemType::Unavailable,
    ]);
    let mut statuses: Vec<(u16, Vec<ProblemType>)> = Vec::new();
    for problem_type in problem_types {
        let status = problem_type.status().as_u16();
        match statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, same_status)) if same_status.contains(&problem_type) => {}
            Some((_, same_status)) => same_status.push(problem_type),
            None => statuses.push((status, vec![problem_type])),
        }
    }
    statuses.sort_by_key(|(status, _)| *status);
    statuses
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(string()))
        .build()
}

fn path_parameter(path: &str, name: &str) -> Parameter {
    let (entity, is_uuid) = match name.strip_suffix("uid") {
        Some(entity) => (entity, true),
        // Sessions and API keys have UUIDs, too.
        None => (name.strip_suffix("id").unwrap_or(name), path.starts_with("/auth/")),
    };
    let entity = match entity.trim_end_matches('_') {
        "" => "item",
        entity => entity,
    };
    let schema = if is_uuid {
        let format = utoipa::openapi::KnownFormat::Uuid;
        string().format(Some(utoipa::openapi::SchemaFormat::KnownFormat(format)))
    } else {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(format!("The key of the {entity}.")))
        .schema(Some(schema))
        .build()
}

/// Returns `get_books_uid_tags` for GET `/books/{uid}/tags`.
fn operation_id(path: &str, method: &Method) -> String {
    let mut id = method.as_str().to_lowercase();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        id.push('_');
        id.push_str(&segment.trim_matches(['{', '}']).replace(['.', '-'], "_"));
    }
    id
}

fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

//! The description of an operation in the OpenAPI document.

use actix_web::http::Method;
use recto_identity::Access;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, ResponsesBuilder,
};

use super::RoutedOperation;
use super::operation::SuccessResponse;
use super::parameter::{self, pascal, string};
use super::refusals::Refusals;
use super::route_path::{is_conditional, is_repeatable, path_parameters};
use crate::components::{self, Components};
use crate::{BASE_PATH, ProblemType, conditional, idempotency};

/// Returns the path of an operation and its description, and adds the schemas that it refers to.
pub(crate) fn describe(routed: RoutedOperation, components: &mut Components) -> (String, PathItem) {
    let RoutedOperation { path, method, tag, operation } = routed;
    let refusals = Refusals { path: &path, method: &method, operation: &operation };
    let is_limited = refusals.problem_types().contains(&ProblemType::TooManyRequests);
    let refusals = refusals.responses(components);
    let has_etag = operation.has_etag && method == Method::GET;
    let is_conditional = is_conditional(&path, &method, &operation);
    let is_repeatable = is_repeatable(&path, &method);
    let is_page = operation.parameters.iter().any(|one| one.ref_location.ends_with("/Cursor"));
    components.merge(operation.components);
    let (status, mut success) = success(operation.response);
    let mut add_header = |name: &str| {
        success.headers.insert(name.to_owned(), RefOr::Ref(components::header(name)));
    };
    if operation.has_etag {
        add_header("ETag");
    }
    if is_page {
        add_header("Link");
    }
    if is_repeatable {
        add_header("Idempotency-Replayed");
    }
    if is_limited {
        add_header("RateLimit");
        add_header("RateLimit-Policy");
    }
    let mut responses = ResponsesBuilder::new().response(status, success);
    if has_etag {
        responses = responses.response("304", Ref::from_response_name("NotModified"));
    }
    for (status, response) in refusals {
        responses = responses.response(status.as_str(), response);
    }
    let description = match access_note(operation.access) {
        Some(note) => format!("{} {note}", operation.description),
        None => operation.description.into_owned(),
    };
    let mut described = OperationBuilder::new()
        .tag(tag)
        .summary(Some(operation.summary))
        .description(Some(description))
        .operation_id(Some(operation_id(operation.summary)))
        .responses(responses.build())
        .securities(Some(security(operation.access)))
        .build();
    let mut parameters: Vec<Ref> = path_parameters(&path)
        .map(|(component, parameter)| components.add_parameter(&component, parameter))
        .collect();
    parameters.extend(operation.parameters);
    let tag_example = "\"3-9f2c41d0b7a85e36.0123456789abcdef\"";
    if has_etag {
        let parameter = parameter::header(
            "If-None-Match",
            "Entity tags of responses that the client has.",
            string(),
            tag_example,
        );
        parameters.push(components.add_parameter("IfNoneMatch", parameter.build()));
    }
    if is_conditional {
        let description = "Entity tags of the item, or `*`. The change is refused if the item has another version.";
        let tags = string().pattern(Some(conditional::PATTERN));
        let parameter = parameter::header("If-Match", description, tags, "*");
        parameters.push(components.add_parameter("IfMatch", parameter.build()));
    }
    if is_repeatable {
        let description = "A new key for each change, of 1 to 255 visible ASCII characters. A request that is sent again with its key within 24 hours gets the same response, and changes nothing.";
        let parameter = parameter::header(
            "Idempotency-Key",
            description,
            string().pattern(Some(idempotency::PATTERN)),
            "7f86e2bb-b28c-475f",
        );
        parameters.push(components.add_parameter("IdempotencyKey", parameter.build()));
    }
    if !parameters.is_empty() {
        described.parameters = Some(parameters.into_iter().map(RefOr::Ref).collect());
    }
    if let Some((schema, media_type)) = operation.body {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        described.request_body = Some(body.content(media_type, content).build().into());
    }
    (format!("{BASE_PATH}{path}"), PathItem::new(http_method(&method), described))
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
                response = response.header_ref("Location", components::header("Location"));
            }
            (status, response)
        }
    };
    (status.to_string(), response.build())
}

/// Returns `listBookTags` for "List a book's tags".
fn operation_id(summary: &str) -> String {
    let summary = summary.to_lowercase().replace("e-mail", "email").replace("'s", "");
    let words = summary.split(' ').filter(|word| !matches!(*word, "a" | "an" | "the" | "my"));
    let mut id = String::new();
    for word in words {
        id.push_str(&if id.is_empty() { word.to_owned() } else { pascal(word) });
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

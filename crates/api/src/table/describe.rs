//! An operation of the table as the OpenAPI document has it.

use actix_web::http::Method;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Required, ResponseBuilder, ResponsesBuilder};

use super::{Answer, Operation, text};
use crate::components::{Components, refusal};
use crate::{BASE_PATH, ProblemType};
use recto_identity::Access;

/// Adds the operation to the document: all that follows from what it says.
pub(crate) fn describe(
    path: &str,
    method: &Method,
    tag: &str,
    operation: Operation,
    components: &mut Components,
) -> (String, HttpMethod, utoipa::openapi::path::Operation) {
    let statuses = refusals(path, &operation);
    components.merge(operation.components);
    let mut responses = ResponsesBuilder::new();
    responses = match operation.answer {
        Answer::NoContent => responses.response("204", ResponseBuilder::new().description("Done.")),
        Answer::Accepted => {
            let description = "Asked for; what comes of it comes by mail.";
            responses.response("202", ResponseBuilder::new().description(description))
        }
        Answer::Content { status, description, schema, media_type } => {
            let content = ContentBuilder::new().schema(Some(*schema)).build();
            let mut response =
                ResponseBuilder::new().description(description).content(media_type, content);
            if status == 201 {
                let header =
                    HeaderBuilder::new().schema(Some(text())).description(Some("Where it is."));
                response = response.header("Location", header.build());
            }
            responses.response(status.to_string(), response)
        }
    };
    for (status, kinds) in statuses {
        responses = responses.response(status.to_string(), refusal(&kinds));
    }
    let mut described = OperationBuilder::new()
        .tag(tag)
        .summary(Some(operation.summary))
        .description(Some(operation.description.into_owned()))
        .operation_id(Some(operation_id(path, method)))
        .responses(responses.build());
    for name in path_parameters(path) {
        described = described.parameter(path_parameter(path, name));
    }
    for parameter in operation.parameters {
        described = described.parameter(parameter);
    }
    if let Some((schema, media_types)) = operation.body {
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for media_type in media_types {
            let content = ContentBuilder::new().schema(Some(schema.clone())).build();
            body = body.content(*media_type, content);
        }
        described = described.request_body(Some(body.build()));
    }
    if operation.access != Access::Anyone {
        for scheme in ["bearer", "password"] {
            described = described.security(SecurityRequirement::new(scheme, [] as [&str; 0]));
        }
    }
    if operation.access == Access::OptionalSignIn {
        described = described.security(SecurityRequirement::default());
    }
    (format!("{BASE_PATH}{path}"), http_method(method), described.build())
}

/// The statuses an operation may refuse with, and the kinds behind each.
fn refusals(path: &str, operation: &Operation) -> Vec<(u16, Vec<ProblemType>)> {
    let mut kinds = vec![ProblemType::InvalidParameter];
    if let Some((_, media_types)) = &operation.body {
        kinds.extend([ProblemType::TooLarge, ProblemType::UnsupportedMediaType]);
        if media_types.contains(&"application/json") {
            kinds.extend([ProblemType::MalformedJson, ProblemType::InvalidBody]);
        }
    }
    match operation.access {
        Access::Anyone => {}
        Access::OptionalSignIn | Access::SignedIn => kinds.push(ProblemType::Unauthenticated),
        Access::Session | Access::VerifiedSession | Access::Verified | Access::Admin => {
            kinds.extend([ProblemType::Unauthenticated, ProblemType::Forbidden]);
        }
    }
    if path.contains('{') {
        kinds.push(ProblemType::NotFound);
    }
    kinds.extend(operation.conflicts);
    kinds.extend(operation.refusals);
    kinds.extend([ProblemType::Internal, ProblemType::Overloaded, ProblemType::Unavailable]);
    let mut statuses: Vec<(u16, Vec<ProblemType>)> = Vec::new();
    for kind in kinds {
        let status = kind.status().as_u16();
        match statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, kinds)) => kinds.push(kind),
            None => statuses.push((status, vec![kind])),
        }
    }
    statuses.sort_by_key(|(status, _)| *status);
    statuses
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(path: &str, name: &str) -> Parameter {
    let (what, is_uuid) = match name.strip_suffix("uid") {
        Some(what) => (what, true),
        // The room `identity` has no numbers for keys.
        None => (name.strip_suffix("id").unwrap_or(name), path.starts_with("/auth/")),
    };
    let what = match what.trim_end_matches('_') {
        "" => "item",
        what => what,
    };
    let schema = if is_uuid {
        let format = utoipa::openapi::KnownFormat::Uuid;
        text().format(Some(utoipa::openapi::SchemaFormat::KnownFormat(format)))
    } else {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(format!("The key of the {what}.")))
        .schema(Some(schema))
        .build()
}

/// `get /books/{uid}/tags` is `get_books_uid_tags`.
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

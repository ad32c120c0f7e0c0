//! Parameters of the OpenAPI document.
//!
//! The examples of optional parameters are in their schemas: Swagger UI would send those of
//! the parameters with every request.

use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};
use utoipa::openapi::{RefOr, Required};

use crate::components::{example, simplified};

/// A parameter that filters, and its description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryParameter {
    /// The name.
    pub(crate) name: &'static str,
    description: &'static str,
    schema: fn() -> RefOr<Schema>,
    /// The example, if it is not that of the schema.
    example: Option<&'static str>,
    is_repeatable: bool,
}

impl QueryParameter {
    /// Returns a parameter whose values have the schema of `T`.
    pub(crate) const fn new<T: PartialSchema>(
        name: &'static str,
        description: &'static str,
    ) -> Self {
        Self { name, description, schema: T::schema, example: None, is_repeatable: false }
    }

    /// Returns it with an example that finds something in the demo.
    pub(crate) const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// Returns it as one that may be given several times.
    pub(crate) const fn repeatable(self) -> Self {
        Self { is_repeatable: true, ..self }
    }

    /// Returns its description in the document.
    pub(super) fn describe(&self) -> ParameterBuilder {
        let mut value = simplified((self.schema)());
        if let (Some(example), RefOr::T(Schema::Object(object))) = (self.example, &mut value) {
            object.examples = vec![json!(example)];
        }
        let example = example(&value);
        let parameter = query(self.name, self.description);
        if self.is_repeatable {
            let examples = example.map(|example| json!([example]));
            parameter
                .schema(Some(ArrayBuilder::new().items(value).examples(examples)))
                .style(Some(ParameterStyle::Form))
                .explode(Some(true))
        } else {
            parameter.schema(Some(value))
        }
    }
}

/// Returns an optional parameter of the query string.
pub(crate) fn query(name: &str, description: &str) -> ParameterBuilder {
    optional(ParameterIn::Query, name, description)
}

/// Returns a parameter of the query string whose values are separated by commas.
pub(super) fn list(
    name: &str,
    description: &str,
    item: ObjectBuilder,
    example: Option<&str>,
) -> ParameterBuilder {
    let examples = example.map(|example| json!([example]));
    query(name, description)
        .schema(Some(ArrayBuilder::new().items(item).min_items(Some(1)).examples(examples)))
        .style(Some(ParameterStyle::Form))
        .explode(Some(false))
}

/// Returns an optional header of a request.
pub(super) fn header(
    name: &str,
    description: &str,
    schema: ObjectBuilder,
    example: &str,
) -> ParameterBuilder {
    optional(ParameterIn::Header, name, description).schema(Some(schema.examples([json!(example)])))
}

fn optional(parameter_in: ParameterIn, name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(parameter_in)
        .required(Required::False)
        .description(Some(description))
}

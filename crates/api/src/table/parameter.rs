//! Parameters of the OpenAPI document.
//!
//! The examples of optional parameters are in their schemas: Swagger UI would send those of
//! the parameters with every request.

use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
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
    /// The maximum number of values, if it may be repeated.
    max_values: Option<usize>,
}

impl QueryParameter {
    /// Returns a parameter whose values have the schema of `T`.
    pub(crate) const fn new<T: PartialSchema>(
        name: &'static str,
        description: &'static str,
    ) -> Self {
        Self { name, description, schema: T::schema, example: None, max_values: None }
    }

    /// Returns it with an example that finds something in the demo.
    pub(crate) const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// Returns it as one that may be given several times, up to a number.
    pub(crate) const fn repeatable(self, max_values: usize) -> Self {
        Self { max_values: Some(max_values), ..self }
    }

    /// Returns its description in the document.
    pub(super) fn describe(&self) -> ParameterBuilder {
        let mut value = simplified((self.schema)());
        if let (Some(example), RefOr::T(Schema::Object(object))) = (self.example, &mut value) {
            object.examples = vec![json!(example)];
        }
        let example = example(&value);
        let parameter = query(self.name, self.description);
        if self.max_values.is_some() {
            let examples = example.map(|example| json!([example]));
            let values = ArrayBuilder::new().items(value).max_items(self.max_values);
            parameter
                .schema(Some(values.examples(examples)))
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
    let values = ArrayBuilder::new().items(item).min_items(Some(1)).examples(examples);
    query(name, description)
        .schema(Some(values.unique_items(name == "sort")))
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

/// Returns `PublishedFrom` for `published_from`.
pub(super) fn pascal(name: &str) -> String {
    name.split(['_', '-'])
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

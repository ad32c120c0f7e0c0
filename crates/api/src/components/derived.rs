//! Simplifies the schemas that `derive(ToSchema)` writes, without changing their meaning.
//!
//! The derive describes a field of a type that has a schema of its own as
//! `allOf: [schema, {description}]`, or `oneOf: [schema, {type: null}]` where it is optional.
//! Client generators read these as unions and subclasses, so they become the one schema that they
//! are equivalent to. Objects get an example made of those of their fields, which no attribute
//! of the derive can express.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};

/// Returns the simplified schema of `T`.
pub(super) fn schema_of<T: ToSchema>() -> RefOr<Schema> {
    simplified(T::schema())
}

/// Simplifies a schema and the schemas in it.
pub(crate) fn simplified(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(schema) = schema else { return schema };
    RefOr::T(match schema {
        Schema::AllOf(all) => match merged(&all.items) {
            Some(object) => finished(object, all.description).into(),
            None => Schema::AllOf(all),
        },
        Schema::OneOf(one) => match or_null(&one.items) {
            Some(object) => finished(object, one.description).into(),
            None => Schema::OneOf(one),
        },
        Schema::Object(object) => finished(object, None).into(),
        Schema::Array(mut array) => {
            array.description = array.description.as_deref().map(first_paragraph);
            if let ArrayItems::RefOrSchema(item) = array.items {
                let item = simplified(*item);
                if array.examples.is_empty() {
                    array.examples.extend(example(&item).map(|example| json!([example])));
                }
                array.items = ArrayItems::RefOrSchema(Box::new(item));
            }
            Schema::Array(array)
        }
        other => other,
    })
}

/// Returns the one object that is equivalent to all of `parts`: a schema and the description of a
/// field, or the fields of a flattened struct and the struct's own fields.
fn merged(parts: &[RefOr<Schema>]) -> Option<Object> {
    let mut objects = parts.iter().map(|part| match part {
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(Schema::AllOf(all)) => merged(&all.items),
        _ => None,
    });
    let first = objects.next()??;
    objects.try_fold(first, |mut all, part| {
        let part = part?;
        all.description = part.description.or(all.description);
        all.write_only = part.write_only.or(all.write_only);
        all.properties.extend(part.properties);
        all.required.extend(part.required);
        Some(all)
    })
}

/// Returns the nullable object that is equivalent to `alternatives`, an object and `null`.
fn or_null(alternatives: &[RefOr<Schema>]) -> Option<Object> {
    let [RefOr::T(Schema::Object(object)), RefOr::T(Schema::Object(null))] = alternatives else {
        return None;
    };
    match (&object.schema_type, &null.schema_type) {
        (SchemaType::Type(only), SchemaType::Type(Type::Null)) => {
            let mut object = object.clone();
            object.schema_type = SchemaType::from_iter([only.clone(), Type::Null]);
            Some(object)
        }
        _ => None,
    }
}

/// Simplifies the fields of an object, and adds an example of it if it has none.
fn finished(mut object: Object, description: Option<String>) -> Object {
    object.description = description.or(object.description).as_deref().map(first_paragraph);
    let fields = object.properties.into_iter();
    object.properties = fields.map(|(name, field)| (name, simplified(field))).collect();
    if object.examples.is_empty() {
        object.examples.extend(example_of(&object));
    }
    object
}

fn example_of(object: &Object) -> Option<Value> {
    if object.format == Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) {
        return Some(json!("2026-03-01T09:30:00.125Z"));
    }
    let fields =
        object.properties.iter().filter_map(|(name, field)| Some((name.clone(), example(field)?)));
    let fields: Map<String, Value> = fields.collect();
    let complete = object.required.iter().all(|name| fields.contains_key(name));
    (!fields.is_empty() && complete).then_some(Value::Object(fields))
}

/// The first example of a schema.
pub(crate) fn example(schema: &RefOr<Schema>) -> Option<Value> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.examples.first().cloned(),
        RefOr::T(Schema::Array(array)) => array.examples.first().cloned(),
        _ => None,
    }
}

/// The first paragraph of a doc comment, on one line.
fn first_paragraph(doc: &str) -> String {
    let lines = doc.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

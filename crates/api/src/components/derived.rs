//! Simplifies the schemas that `derive(ToSchema)` writes, without changing their meaning.
//!
//! The derive describes a field of a type that has a schema of its own as
//! `allOf: [schema, {description}]`, or `oneOf: [schema, {type: null}]` where it is optional.
//! Client generators read these as unions and subclasses, so they become the one schema that they
//! are equivalent to. Objects get an example made of those of their fields, which no attribute
//! of the derive can express.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayItems, Object, OneOf, Schema, SchemaType, Type};
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
            Some(object) => finished(object, all.description, all.examples).into(),
            None => Schema::AllOf(all),
        },
        Schema::OneOf(one) => match or_null(&one.items) {
            Some(object) => finished(object, one.description, one.examples).into(),
            None => Schema::OneOf(with_tags_first(one)),
        },
        Schema::Object(object) => finished(object, None, Vec::new()).into(),
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
        if !part.examples.is_empty() {
            all.examples = part.examples;
        }
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
            if let Some(values) = &mut object.enum_values {
                values.push(Value::Null);
            }
            Some(object)
        }
        _ => None,
    }
}

/// Simplifies the fields of an object, and adds an example of it if it has none.
fn finished(mut object: Object, description: Option<String>, examples: Vec<Value>) -> Object {
    object.description = description.or(object.description).as_deref().map(first_paragraph);
    let fields = object.properties.into_iter();
    object.properties = fields.map(|(name, field)| (name, simplified(field))).collect();
    if !examples.is_empty() {
        object.examples = examples;
    }
    if object.examples.is_empty() {
        object.examples.extend(example_of(&object));
    }
    object
}

/// Moves the tag of each alternative, a field of one value, before its other fields, as serde
/// writes it.
fn with_tags_first(mut one: OneOf) -> OneOf {
    for alternative in &mut one.items {
        let RefOr::T(Schema::Object(object)) = alternative else { continue };
        let is_tag = |field: &RefOr<Schema>| match field {
            RefOr::T(Schema::Object(field)) => {
                field.enum_values.as_ref().is_some_and(|values| values.len() == 1)
            }
            _ => false,
        };
        if let Some(index) = object.properties.values().position(is_tag) {
            object.properties.move_index(index, 0);
        }
    }
    one
}

/// Removes the examples of fields from objects that have one: it contains them.
pub(super) fn without_repeated_examples(schema: &mut RefOr<Schema>) {
    remove_examples(schema, false);
}

fn remove_examples(schema: &mut RefOr<Schema>, is_contained: bool) {
    let RefOr::T(schema) = schema else { return };
    let examples = match schema {
        Schema::Object(object) => &mut object.examples,
        Schema::Array(array) => &mut array.examples,
        _ => return,
    };
    if is_contained {
        examples.clear();
    }
    let is_contained = is_contained || !examples.is_empty();
    match schema {
        Schema::Object(object) => {
            object.properties.values_mut().for_each(|field| remove_examples(field, is_contained));
        }
        Schema::Array(Array { items: ArrayItems::RefOrSchema(item), .. }) => {
            remove_examples(item, is_contained);
        }
        _ => {}
    }
}

/// Returns an example that consists of those of the fields, if all required fields have one.
pub(super) fn example_of(object: &Object) -> Option<Value> {
    if object.format == Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) {
        return Some(json!("2026-03-01T09:30:00.125Z"));
    }
    let fields = object.properties.iter().filter_map(|(name, field)| {
        // The derive ignores the examples of optional fields; the type has that of a given name.
        let own = (name == "last_name").then(|| json!("Lovelace"));
        Some((name.clone(), own.or_else(|| example(field))?))
    });
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

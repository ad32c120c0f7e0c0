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
pub(super) fn simplified(schema: RefOr<Schema>) -> RefOr<Schema> {
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
/// field, or the fields of a flattened struct and those beside them.
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
fn example(schema: &RefOr<Schema>) -> Option<Value> {
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

#[cfg(test)]
mod tests {
    use recto_domain::{
        Account, AccountDeletion, ApiKey, AuditEntry, Author, Book, BookBatch, BookOutcomes,
        BookPatch, Comment, Company, CompanyPatch, Contribution, Contributors, Course, Department,
        DepartmentPatch, Disabling, Email, EmailRequest, Employee, EmployeePatch, Enrolment, Input,
        Language, Login, NewApiKey, NewBook, NewBookGraph, NewComment, NewCompany, NewCompanyGraph,
        NewCourse, NewDepartment, NewEmployee, NewPost, NewReview, NewStudent, NewTag, Password,
        PasswordAttempt, PasswordChange, PasswordReset, Post, PostPatch, Refresh, Review,
        ReviewPatch, RoleChange, Secret, Session, SignUp, Student, Tag, TagNames, User, UserPatch,
        Verification,
    };

    use super::*;

    fn json_schema<T: ToSchema>() -> Value {
        serde_json::to_value(schema_of::<T>()).unwrap()
    }

    fn assert_example_is_valid<T: ToSchema + Input>() {
        let schema = json_schema::<T>();
        let example = &schema["examples"][0];
        assert!(T::parse(example).is_ok(), "{example}");
        assert_eq!(schema["additionalProperties"], json!(false));
    }

    #[test]
    fn input_examples_are_valid() {
        assert_example_is_valid::<NewBook>();
        assert_example_is_valid::<BookPatch>();
        assert_example_is_valid::<BookBatch>();
        assert_example_is_valid::<NewCompanyGraph>();
        assert_example_is_valid::<NewBookGraph>();
        assert_example_is_valid::<Contributors>();
        assert_example_is_valid::<NewReview>();
        assert_example_is_valid::<ReviewPatch>();
        assert_example_is_valid::<NewTag>();
        assert_example_is_valid::<TagNames>();
        assert_example_is_valid::<UserPatch>();
        assert_example_is_valid::<SignUp>();
        assert_example_is_valid::<Login>();
        assert_example_is_valid::<RoleChange>();
        assert_example_is_valid::<Disabling>();
        assert_example_is_valid::<Verification>();
        assert_example_is_valid::<EmailRequest>();
        assert_example_is_valid::<Refresh>();
        assert_example_is_valid::<PasswordChange>();
        assert_example_is_valid::<PasswordReset>();
        assert_example_is_valid::<AccountDeletion>();
        assert_example_is_valid::<NewApiKey>();
        assert_example_is_valid::<NewPost>();
        assert_example_is_valid::<PostPatch>();
        assert_example_is_valid::<NewComment>();
        assert_example_is_valid::<NewStudent>();
        assert_example_is_valid::<NewCourse>();
        assert_example_is_valid::<NewCompany>();
        assert_example_is_valid::<CompanyPatch>();
        assert_example_is_valid::<NewDepartment>();
        assert_example_is_valid::<DepartmentPatch>();
        assert_example_is_valid::<NewEmployee>();
        assert_example_is_valid::<EmployeePatch>();
    }

    #[test]
    fn entity_examples_are_valid() {
        fn assert_entity<T: ToSchema + serde::Serialize + serde::de::DeserializeOwned>() {
            let example = &json_schema::<T>()["examples"][0];
            let entity: T = serde_json::from_value(example.clone()).unwrap();
            assert_eq!(&serde_json::to_value(entity).unwrap(), example);
        }
        assert_entity::<User>();
        assert_entity::<Book>();
        assert_entity::<Review>();
        assert_entity::<Tag>();
        assert_entity::<Author>();
        assert_entity::<Contribution>();
        assert_entity::<Post>();
        assert_entity::<Comment>();
        assert_entity::<Student>();
        assert_entity::<Course>();
        assert_entity::<Enrolment>();
        assert_entity::<Company>();
        assert_entity::<Department>();
        assert_entity::<Employee>();
        assert_entity::<Session>();
        assert_entity::<ApiKey>();
        assert_entity::<AuditEntry>();
    }

    #[test]
    fn inputs_list_required_fields() {
        assert_eq!(json_schema::<NewBook>()["required"], json!(["title", "author"]));
        assert_eq!(json_schema::<BookPatch>()["required"], Value::Null);
    }

    #[test]
    fn optional_fields_may_be_null() {
        let book = json_schema::<Book>();
        assert_eq!(
            book["properties"]["publisher"],
            json!({
                "type": ["string", "null"],
                "description": "The publisher; `null` if unknown.",
                "minLength": 1, "maxLength": 200, "examples": ["Chatto & Windus"],
            })
        );
        assert_eq!(book["required"].as_array().unwrap().len(), 11);
    }

    #[test]
    fn bounds_are_those_of_the_types() {
        fn assert_bound<T: ToSchema>(pointer: &str, bound: usize) {
            assert_eq!(json_schema::<T>().pointer(pointer), Some(&json!(bound)), "{pointer}");
        }
        assert_bound::<Email>("/maxLength", Email::MAX_CHARS);
        assert_bound::<Language>("/maxLength", Language::MAX_CHARS);
        assert_bound::<Secret>("/maxLength", Secret::MAX_CHARS);
        assert_bound::<Password>("/minLength", Password::MIN_CHARS);
        assert_bound::<Password>("/maxLength", Password::MAX_CHARS);
        assert_bound::<PasswordAttempt>("/maxLength", PasswordAttempt::MAX_CHARS);
        assert_bound::<TagNames>("/properties/tags/maxItems", TagNames::MAX);
        assert_bound::<Contributors>("/properties/contributors/maxItems", Contributors::MAX);
        assert_bound::<NewBookGraph>("/properties/tags/maxItems", TagNames::MAX);
        assert_bound::<NewBookGraph>("/properties/contributors/maxItems", Contributors::MAX);
        assert_bound::<BookBatch>("/properties/books/maxItems", BookBatch::MAX);
        assert_bound::<BookOutcomes>("/properties/items/maxItems", BookBatch::MAX);
        let departments = "/properties/departments";
        let employees = format!("{departments}/items/properties/employees");
        for list in [departments, &employees] {
            assert_bound::<NewCompanyGraph>(&format!("{list}/maxItems"), NewCompanyGraph::MAX - 1);
        }
    }

    #[test]
    fn author_is_optional_in_book_graph() {
        assert_eq!(json_schema::<NewBookGraph>()["required"], json!(["title"]));
    }

    #[test]
    fn skipped_fields_are_not_described() {
        let schema = json_schema::<Account>();
        assert_eq!(schema["required"], json!(["email", "role", "verified", "disabled"]));
    }
}

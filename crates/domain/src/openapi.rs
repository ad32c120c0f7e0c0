//! OpenAPI schemas of the values, entities and inputs, written from the same declarations.
//!
//! Values are described inline in the objects that hold them, so that a reader of the document
//! sees the bounds beside the member and no component name is spent on them.

use std::{net::IpAddr, ops::RangeInclusive};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat,
    schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, SchemaType, Type},
};

use crate::{Change, input::AtMost};

/// A type whose JSON form can be described.
pub(crate) trait Described {
    fn describe() -> Schema;
}

/// Implements [`Described`] and `ToSchema` by an expression that gives the [`Schema`].
macro_rules! described {
    ($name:ident, $schema:expr) => {
        impl $crate::openapi::Described for $name {
            fn describe() -> utoipa::openapi::Schema {
                $schema
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                <Self as $crate::openapi::Described>::describe().into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}
pub(crate) use described;

impl<T: Described> Described for Option<T> {
    fn describe() -> Schema {
        nullable(T::describe())
    }
}

impl<T: Described> Described for Change<T> {
    fn describe() -> Schema {
        T::describe()
    }
}

impl<T: Described, const MAX: usize> Described for AtMost<T, MAX> {
    fn describe() -> Schema {
        list::<T>(MAX)
    }
}

impl Described for bool {
    fn describe() -> Schema {
        flag(true)
    }
}

impl Described for String {
    fn describe() -> Schema {
        described_string("A text.", "PfQ8").build().into()
    }
}

impl Described for u32 {
    fn describe() -> Schema {
        number("A whole number.", 0..=u32::MAX.into(), 1)
    }
}

impl Described for DateTime<Utc> {
    fn describe() -> Schema {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([json!("2026-03-01T09:30:00.125Z")])
            .build()
            .into()
    }
}

impl Described for IpAddr {
    fn describe() -> Schema {
        described_string("An address of the internet protocol.", "203.0.113.7").build().into()
    }
}

/// Text of a bounded number of characters.
pub(crate) fn text(doc: &str, length: RangeInclusive<usize>, example: &str) -> Schema {
    described_string(doc, example)
        .min_length((*length.start() > 0).then_some(*length.start()))
        .max_length(Some(*length.end()))
        .build()
        .into()
}

/// An e-mail address.
pub(crate) fn email(max: usize, example: &str) -> Schema {
    described_string("An e-mail address.", example)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
        .max_length(Some(max))
        .build()
        .into()
}

/// A password: only ever written, never read.
pub(crate) fn password(length: RangeInclusive<usize>) -> Schema {
    described_string("A password.", "correct horse battery staple")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(*length.start()))
        .max_length(Some(*length.end()))
        .write_only(true)
        .build()
        .into()
}

/// Text that a regular expression describes (and the domain's own rules narrow).
pub(crate) fn pattern(doc: &str, pattern: &str, example: &str) -> Schema {
    described_string(doc, example).pattern(Some(pattern)).build().into()
}

/// One of a few words.
pub(crate) fn choice(doc: &str, words: &[&str]) -> Schema {
    described_string(doc, words.first().copied().unwrap_or_default())
        .enum_values(Some(words.iter().copied()))
        .build()
        .into()
}

/// An array of at most `max` items.
pub(crate) fn list<T: Described>(max: usize) -> Schema {
    let item = T::describe();
    let example = match &item {
        Schema::Object(object) => object.examples.first().cloned(),
        _ => None,
    };
    ArrayBuilder::new()
        .items(RefOr::T(item))
        .max_items(Some(max))
        .examples(example.map(|example| json!([example])))
        .build()
        .into()
}

/// An array of one item at least, each once.
pub(crate) fn some_of<T: Described>() -> Schema {
    let Schema::Array(mut array) = list::<T>(usize::MAX) else { return T::describe() };
    array.max_items = None;
    array.min_items = Some(1);
    Schema::Array(array)
}

/// A whole number within bounds.
pub(crate) fn number(doc: &str, bounds: RangeInclusive<i64>, example: i64) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(first_paragraph(doc)))
        .minimum(Some(*bounds.start()))
        .maximum(Some(*bounds.end()))
        .examples([json!(example)])
        .build()
        .into()
}

/// Yes or no.
pub(crate) fn flag(example: bool) -> Schema {
    let object = ObjectBuilder::new().schema_type(Type::Boolean);
    object.examples([json!(example)]).build().into()
}

/// A UUID.
pub(crate) fn identity(doc: &str, example: &str) -> Schema {
    described_string(doc, example)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .build()
        .into()
}

/// An object, while its members are added; its example grows out of theirs.
pub(crate) struct Shape {
    object: ObjectBuilder,
    example: Map<String, Value>,
}

impl Shape {
    pub(crate) fn new(doc: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        Self { object: object.description(Some(first_paragraph(doc))), example: Map::new() }
    }

    /// All that `T` has, to have more.
    pub(crate) fn of<T: Described>(doc: &str) -> Self {
        let Schema::Object(mut object) = T::describe() else { return Self::new(doc) };
        let example = match object.examples.pop() {
            Some(Value::Object(example)) => example,
            _ => Map::new(),
        };
        object.description = Some(first_paragraph(doc));
        object.examples.clear();
        Self { object: object.into(), example }
    }

    /// Does not require a member after all.
    pub(crate) fn optional(self, name: &str) -> Self {
        let mut object = self.object.build();
        object.required.retain(|required| required != name);
        Self { object: object.into(), ..self }
    }

    pub(crate) fn member<M: Described>(mut self, name: &str, doc: &str, required: bool) -> Self {
        let mut schema = M::describe();
        if let Some(example) = retell(&mut schema, first_paragraph(doc)) {
            self.example.insert(name.to_owned(), example);
        }
        self.object = self.object.property(name, schema);
        if required {
            self.object = self.object.required(name);
        }
        self
    }

    /// Says that there are no other members.
    pub(crate) fn closed(mut self) -> Self {
        let closed = AdditionalProperties::<Schema>::FreeForm(false);
        self.object = self.object.additional_properties(Some(closed));
        self
    }

    pub(crate) fn schema(self) -> Schema {
        let example = Value::Object(self.example);
        self.object.examples([example]).build().into()
    }
}

fn described_string(doc: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(first_paragraph(doc)))
        .examples([json!(example)])
}

/// Puts the member's own description in the place of its type's, and tells the example.
fn retell(schema: &mut Schema, doc: String) -> Option<Value> {
    match schema {
        Schema::Object(object) => {
            object.description = Some(doc);
            object.examples.first().cloned()
        }
        Schema::Array(array) => {
            array.description = Some(doc);
            array.examples.first().cloned()
        }
        _ => None,
    }
}

fn nullable(schema: Schema) -> Schema {
    match schema {
        Schema::Object(mut object) => {
            if let SchemaType::Type(only) = object.schema_type {
                object.schema_type = SchemaType::from_iter([only, Type::Null]);
            }
            Schema::Object(object)
        }
        Schema::Array(mut array) => {
            array.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
            Schema::Array(array)
        }
        other => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            AnyOfBuilder::new().item(other).item(null).build().into()
        }
    }
}

/// The first paragraph of a doc comment, on one line.
fn first_paragraph(doc: &str) -> String {
    let lines = doc.lines().map(str::trim);
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;
    use crate::{
        Account, AccountDeletion, ApiKey, AuditEntry, Author, Book, BookBatch, BookPatch, Comment,
        Company, CompanyPatch, Contribution, Contributors, Course, Department, DepartmentPatch,
        Disabling, EmailRequest, Employee, EmployeePatch, Enrolment, Input, Login, NewApiKey,
        NewBook, NewBookGraph, NewComment, NewCompany, NewCompanyGraph, NewCourse, NewDepartment,
        NewEmployee, NewPost, NewReview, NewStudent, NewTag, PasswordChange, PasswordReset, Post,
        PostPatch, Refresh, Review, ReviewPatch, RoleChange, Session, SignUp, Student, Tag,
        TagNames, User, UserPatch, Verification,
    };

    fn json_schema<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    /// The example in the schema of an input is an input.
    fn assert_example_is_read<T: PartialSchema + Input>() {
        let schema = json_schema::<T>();
        let example = &schema["examples"][0];
        assert!(T::parse(example).is_ok(), "{example}");
        assert_eq!(schema["additionalProperties"], json!(false));
    }

    #[test]
    fn examples_of_inputs_are_read() {
        assert_example_is_read::<NewBook>();
        assert_example_is_read::<BookPatch>();
        assert_example_is_read::<BookBatch>();
        assert_example_is_read::<NewCompanyGraph>();
        assert_example_is_read::<NewBookGraph>();
        assert_example_is_read::<Contributors>();
        assert_example_is_read::<NewReview>();
        assert_example_is_read::<ReviewPatch>();
        assert_example_is_read::<NewTag>();
        assert_example_is_read::<TagNames>();
        assert_example_is_read::<UserPatch>();
        assert_example_is_read::<SignUp>();
        assert_example_is_read::<Login>();
        assert_example_is_read::<RoleChange>();
        assert_example_is_read::<Disabling>();
        assert_example_is_read::<Verification>();
        assert_example_is_read::<EmailRequest>();
        assert_example_is_read::<Refresh>();
        assert_example_is_read::<PasswordChange>();
        assert_example_is_read::<PasswordReset>();
        assert_example_is_read::<AccountDeletion>();
        assert_example_is_read::<NewApiKey>();
        assert_example_is_read::<NewPost>();
        assert_example_is_read::<PostPatch>();
        assert_example_is_read::<NewComment>();
        assert_example_is_read::<NewStudent>();
        assert_example_is_read::<NewCourse>();
        assert_example_is_read::<NewCompany>();
        assert_example_is_read::<CompanyPatch>();
        assert_example_is_read::<NewDepartment>();
        assert_example_is_read::<DepartmentPatch>();
        assert_example_is_read::<NewEmployee>();
        assert_example_is_read::<EmployeePatch>();
    }

    #[test]
    fn examples_of_entities_are_entities() {
        fn assert_entity<T: PartialSchema + serde::Serialize + serde::de::DeserializeOwned>() {
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
    fn an_input_names_what_it_requires() {
        assert_eq!(json_schema::<NewBook>()["required"], json!(["title", "author"]));
        assert_eq!(json_schema::<BookPatch>()["required"], Value::Null);
    }

    #[test]
    fn optional_members_may_be_null() {
        let book = json_schema::<Book>();
        assert_eq!(
            book["properties"]["publisher"],
            json!({
                "type": ["string", "null"],
                "description": "Who published it, if known.",
                "minLength": 1, "maxLength": 200, "examples": ["Chatto & Windus"],
            })
        );
        assert_eq!(book["required"].as_array().unwrap().len(), 11);
    }

    #[test]
    fn an_account_is_described_as_it_is_shown() {
        let schema = json_schema::<Account>();
        assert_eq!(schema["required"], json!(["email", "role", "verified", "disabled"]));
    }
}

//! A validator for the part of JSON Schema that the document uses.

use serde_json::Value;

/// The schemas of a document.
pub(crate) struct Schemas<'d> {
    document: &'d Value,
}

impl<'d> Schemas<'d> {
    pub(crate) fn of(document: &'d Value) -> Self {
        Self { document }
    }

    /// Resolves a reference; returns any other schema itself.
    pub(crate) fn resolve<'s>(&self, schema: &'s Value) -> &'s Value
    where
        'd: 's,
    {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.document.pointer(&reference[1..]).expect("a component"),
            None => schema,
        }
    }

    /// Asserts that the value matches the schema and has no undocumented fields.
    #[track_caller]
    pub(crate) fn check(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(flaw) = self.flaw(schema, value, "") {
            panic!("{at}: {flaw}");
        }
    }

    /// Returns the first difference from the schema.
    fn flaw(&self, schema: &Value, value: &Value, at: &str) -> Option<String> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let component = self.document.pointer(&reference[1..]).expect("a component");
            return self.flaw(component, value, at);
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let flaws: Vec<_> = choices.iter().map(|choice| self.flaw(choice, value, at)).collect();
            let fitting = flaws.iter().filter(|flaw| flaw.is_none()).count();
            return (fitting != 1).then(|| format!("{at}: {fitting} choices fit: {flaws:?}"));
        }
        if !is_of_type(schema, value) {
            return Some(format!("{at}: {value} is not of type {}", schema["type"]));
        }
        let known = schema.get("enum").and_then(Value::as_array);
        if known.is_some_and(|known| !known.contains(value)) {
            return Some(format!("{at}: {value} is not one of {known:?}"));
        }
        match value {
            Value::Object(fields) => self.flaw_of_object(schema, fields, at),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let item = schema.get("items")?;
                items.into_iter().find_map(|(n, one)| self.flaw(item, one, &format!("{at}/{n}")))
            }
            Value::String(text) => flaw_of_text(schema, text, at),
            Value::Number(number) => {
                let number = number.as_f64()?;
                let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
                let low = bound("minimum").is_some_and(|least| number < least);
                let high = bound("maximum").is_some_and(|most| number > most);
                (low || high).then(|| format!("{at}: {number} is out of bounds"))
            }
            _ => None,
        }
    }

    fn flaw_of_object(
        &self,
        schema: &Value,
        fields: &serde_json::Map<String, Value>,
        at: &str,
    ) -> Option<String> {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Some(format!("{at}: {name} is missing"));
            }
        }
        let properties = schema.get("properties")?.as_object()?;
        let order: Vec<_> = properties.keys().filter(|name| fields.contains_key(*name)).collect();
        if !fields.keys().filter(|name| properties.contains_key(*name)).eq(order) {
            return Some(format!("{at}: the fields {:?} have another order", fields.keys()));
        }
        fields.iter().find_map(|(name, field)| match properties.get(name) {
            Some(schema) => self.flaw(schema, field, &format!("{at}/{name}")),
            None => Some(format!("{at}: {name} is not documented")),
        })
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let fits = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    match &schema["type"] {
        Value::String(name) => fits(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(fits),
        _ => true,
    }
}

fn flaw_of_text(schema: &Value, text: &str, at: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let short = bound("minLength").is_some_and(|least| length < least);
    let long = bound("maxLength").is_some_and(|most| length > most);
    if short || long {
        return Some(format!("{at}: {length} characters"));
    }
    let fits = match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => text.len() == 36 && text.split('-').count() == 5,
        Some("date-time") => text.len() >= 20 && text.contains('T') && text.ends_with('Z'),
        Some("uri-reference") => text.starts_with("/api/v1/"),
        Some("email") => text.contains('@'),
        _ => true,
    };
    (!fits).then(|| format!("{at}: {text:?} is not of its format"))
}

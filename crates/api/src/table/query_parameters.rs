//! The query parameters of operations that read entities.

use recto_relations::{Cardinality, Entity, Quantifier, RelationInfo, SortField, paths};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::path::{ParameterBuilder, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};

use super::Operation;
use super::parameter::{self, QueryParameter, pascal, string};
use crate::components::page_name;
use crate::parameters::{DEFAULT_LIMIT, MAX_LIMIT};

/// Conditions that items of the demo meet, by entity, for examples.
const CONDITIONS: [(&str, &str); 10] = [
    ("Review", "rating:4..5"),
    ("Book", "published_date:1800..1899"),
    ("Tag", "name:gothic"),
    ("Author", "name:Jane Austen"),
    ("Post", "title:Opening hours over midwinter"),
    ("Student", "name:Inga Berg"),
    ("Course", "title:Reading aloud"),
    ("Company", "name:Gutter Margin Ltd"),
    ("Department", "name:Proofs"),
    ("Employee", "name:Walt Stet"),
];

impl Operation {
    /// Adds a parameter, as the component of that name.
    fn add_parameter(&mut self, component: &str, parameter: ParameterBuilder) {
        self.parameters.push(self.components.add_parameter(component, parameter.build()));
    }

    pub(super) fn add_filter(&mut self, entity: &str, filter: &QueryParameter) {
        let component = format!("{entity}{}", pascal(filter.name));
        self.add_parameter(&component, filter.describe());
    }

    /// Adds `some`, `none` or `only`.
    pub(super) fn add_relation_filter<E: Entity>(&mut self, quantifier: Quantifier) {
        let description = match quantifier {
            Quantifier::Some => {
                let relations = E::INFO.relations().map(with_fields).collect::<Vec<_>>();
                format!(
                    "At least one related item matches, or exists (`relation` alone): `relation(field:value,field:from..to)`, with ranges of numbers and dates. The relations and their fields are {}.",
                    relations.join(", ")
                )
            }
            Quantifier::None => {
                "No related item matches, or exists (`relation` alone), as in `some`.".to_owned()
            }
            Quantifier::Only => "All related items match, as in `some`.".to_owned(),
        };
        let example = CONDITIONS.iter().find_map(|(entity, condition)| {
            let relation = E::INFO.relations().find(|relation| relation.to.name == *entity)?;
            Some(json!([format!("{}({condition})", relation.name)]))
        });
        if quantifier == Quantifier::Only && example.is_none() {
            // No field can be compared.
            return;
        }
        let example = example.or_else(|| {
            let relation = E::INFO.relations().next()?;
            Some(json!([relation.name]))
        });
        // `only` requires a condition.
        let condition = if quantifier == Quantifier::Only { "" } else { "?" };
        let names = E::INFO.relations().map(|relation| relation.name).collect::<Vec<_>>();
        let pattern = format!(r"^({})(\(.+\)){condition}$", names.join("|"));
        let item = string().pattern(Some(pattern));
        let parameter = parameter::query(quantifier.name(), &description)
            .schema(Some(ArrayBuilder::new().items(item).examples(example)))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true));
        self.add_parameter(&format!("{}{}", E::INFO.name, pascal(quantifier.name())), parameter);
    }

    /// Adds `limit`, `cursor` and `total`.
    pub(super) fn paged(mut self) -> Self {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .default(Some(DEFAULT_LIMIT.into()))
            .examples([json!(5)]);
        let description =
            format!("The maximum number of items. More than {MAX_LIMIT} counts as {MAX_LIMIT}.");
        let limit = parameter::query("limit", &description).schema(Some(limit));
        self.add_parameter("Limit", limit);
        let description = "The `next_cursor` or `prev_cursor` of another page of the same query.";
        self.add_parameter(
            "Cursor",
            parameter::query("cursor", description)
                .schema(Some(string().pattern(Some("^[A-Za-z0-9_-]+$")))),
        );
        let total = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()))
            .examples([json!(true)]);
        let description = "`true` adds `total`, the number of all items, counted up to 10,000.";
        let total = parameter::query("total", description).schema(Some(total));
        self.add_parameter("Total", total);
        self
    }

    /// Adds the parameters and the response of a page, with `sort` as a component of that name.
    pub(super) fn page_of<E: Entity + ToSchema>(
        mut self,
        sort: &str,
        sorts: impl Iterator<Item = &'static SortField>,
    ) -> Self {
        self.components.add_page::<E>();
        self = self.paged();
        let fields: Vec<_> = sorts.map(|field| field.name).collect();
        let description =
            "Fields to sort by, with a minus for descending order. Empty values come last.";
        let example = fields.first().map(|field| format!("-{field}"));
        let both = fields.iter().flat_map(|field| [(*field).to_owned(), format!("-{field}")]);
        let item = string().enum_values(Some(both));
        let parameter = parameter::list("sort", description, item, example.as_deref());
        self.add_parameter(sort, parameter);
        self.include_parameters::<E>().content(
            200,
            &format!("A page of {}.", E::INFO.collection),
            Ref::from_schema_name(page_name::<E>()),
        )
    }

    /// Adds `include`, `count` and `fields`, and the entity tag of a response with entities.
    pub(crate) fn include_parameters<E: Entity>(mut self) -> Self {
        self.has_etag = true;
        let name = E::INFO.name;
        let known = list_names(E::INFO.relations());
        let deeper = paths(E::INFO, 2).into_iter().find(|path| path.contains('.'));
        let deeper = deeper.unwrap_or_default();
        let description = format!(
            "Relations to load, as paths of at most three: {known}, {deeper}, … A to-many relation may be followed by `(limit:5,sort:-field)`."
        );
        let first = E::INFO.relations().next().map(|relation| relation.name);
        let path = string().pattern(Some(r"^[a-z_]+(\.[a-z_]+){0,2}(\([ -~]*\))?(\.[ -~]+)?$"));
        let include = parameter::list("include", &description, path, first);
        self.add_parameter(&format!("{name}Include"), include);
        let to_many =
            || E::INFO.relations().filter(|relation| relation.cardinality == Cardinality::Many);
        let countable = list_names(to_many());
        let description = if countable.is_empty() {
            "Paths of relations of included items, to count without loading them.".to_owned()
        } else {
            format!(
                "Relations to count without loading them: {countable}. A path counts a relation of included items."
            )
        };
        let path = string().pattern(Some(r"^[a-z_]+(\.[a-z_]+){0,2}$"));
        // A path can be counted only if its relation is included, so it is not an example.
        let first = to_many().next().map(|relation| relation.name);
        let count = parameter::list("count", &description, path, first);
        self.add_parameter(&format!("{name}Count"), count);
        let own = E::INFO.fields.iter().map(|field| field.name).chain(["etag"]);
        let description = "The item's fields to show; the id is always shown. `etag` is its ETag.";
        let first = E::INFO.fields.iter().map(|field| field.name).nth(1);
        let fields = parameter::list("fields", description, string().enum_values(Some(own)), first);
        self.add_parameter(&format!("{name}Fields"), fields);
        self
    }
}

/// Returns a relation with the fields of its items that can be compared.
fn with_fields(relation: &RelationInfo) -> String {
    let fields = relation.to.sorts.iter().map(|field| field.name);
    let fields = fields.filter(|name| *name != "created_at").collect::<Vec<_>>().join(",");
    match fields.as_str() {
        "" => format!("`{}`", relation.name),
        fields => format!("`{}({fields})`", relation.name),
    }
}

fn list_names(relations: impl Iterator<Item = &'static RelationInfo>) -> String {
    relations.map(|relation| relation.name).collect::<Vec<_>>().join(", ")
}

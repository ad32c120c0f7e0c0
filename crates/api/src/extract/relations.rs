//! The parameters that name relations and fields: sorts, includes, counts, fields, filters.

use recto_domain::{Code, Invalid};
use recto_relations::{
    Entity, Filter, FilterError, Include, IncludeError, Quantifier, RelationInfo, Sort, SortError,
};

use crate::fields::SelectedFields;
use crate::parameters::Parameters;

/// Parses `sort`, the order of a page: of all entities of a type, or of those of a relation.
pub(super) fn take_sort<E: Entity>(
    parameters: &mut Parameters,
    relation: Option<&'static RelationInfo>,
) -> Sort {
    let Some(list) = parameters.take_list("sort") else {
        return relation.map_or_else(Sort::default, Sort::along);
    };
    let sort = parameters.check_list("sort", &list, |raw| {
        let sort = match relation {
            Some(relation) => Sort::parse_along(relation, raw),
            None => Sort::parse(E::INFO, raw),
        };
        sort.map_err(|error| invalid(sort_code(&error), &error))
    });
    sort.unwrap_or_default()
}

/// Parses `fields`, the item's fields to show.
pub(super) fn take_fields<E: Entity>(parameters: &mut Parameters) -> SelectedFields {
    let Some(list) = parameters.take_list("fields") else { return SelectedFields::default() };
    let fields = parameters.check_list("fields", &list, |raw| SelectedFields::parse(E::INFO, raw));
    fields.unwrap_or_default()
}

/// Parses `include` and `count`, the relations to load and to count.
pub(super) fn take_include<E: Entity>(parameters: &mut Parameters) -> Include {
    let wrong = |error: IncludeError| invalid(include_code(&error), &error);
    let mut include = Some(Include::nothing());
    if let Some(list) = parameters.take_list("include") {
        include = parameters
            .check_list("include", &list, |raw| Include::parse(E::INFO, raw).map_err(wrong));
    }
    let Some(list) = parameters.take_list("count") else { return include.unwrap_or_default() };
    let counted = parameters.check_list("count", &list, |raw| {
        let mut counted = include.clone().unwrap_or_default();
        match counted.count(E::INFO, raw) {
            // The wrong include may be the one that the count needs.
            Err(IncludeError::CountOfUnloaded { .. }) if include.is_none() => Ok(counted),
            result => result.map(|()| counted).map_err(wrong),
        }
    });
    counted.unwrap_or_default()
}

/// Parses `some`, `none` and `only`, the filters on related entities.
pub(super) fn take_related<E: Entity>(parameters: &mut Parameters) -> Filter {
    let mut filters = Vec::new();
    for quantifier in Quantifier::ALL {
        let name = quantifier.name();
        for raw in parameters.take_all(name) {
            let filter = Filter::parse(E::INFO, quantifier, &raw);
            let filter = filter.map_err(|error| invalid(filter_code(&error), &error));
            filters.extend(parameters.check(name, filter));
        }
    }
    if filters.len() > MAX_RELATED {
        let detail = format!("at most {MAX_RELATED} filters on relations fit in one query");
        parameters.refuse("some", Invalid::new(Code::Length, detail));
    }
    Filter::And(filters)
}

/// The maximum number of filters on relations of a query; each is a subquery.
const MAX_RELATED: usize = 4;

fn invalid(code: Code, error: &dyn std::error::Error) -> Invalid {
    Invalid::new(code, error.to_string())
}

const fn sort_code(error: &SortError) -> Code {
    match error {
        SortError::Unknown { .. } => Code::Unknown,
        SortError::Twice { .. } => Code::Duplicate,
    }
}

const fn include_code(error: &IncludeError) -> Code {
    match error {
        IncludeError::Sort(error) => sort_code(error),
        IncludeError::TooDeep { .. } => Code::Length,
        IncludeError::Limit { is_integer: true, .. } => Code::Range,
        IncludeError::Contradiction { .. } | IncludeError::CountOfUnloaded { .. } => Code::Conflict,
        IncludeError::Unknown { .. }
        | IncludeError::UnknownOption { .. }
        | IncludeError::OptionOfOne { .. }
        | IncludeError::Uncountable { .. } => Code::Unknown,
        IncludeError::Malformed { .. } | IncludeError::Limit { .. } => Code::Format,
    }
}

const fn filter_code(error: &FilterError) -> Code {
    match error {
        FilterError::UnknownRelation { .. } | FilterError::UnknownField { .. } => Code::Unknown,
        FilterError::EmptyRange { .. } => Code::Range,
        FilterError::OnlyWithoutCondition => Code::Required,
        FilterError::Value { .. } | FilterError::Malformed { .. } => Code::Format,
    }
}

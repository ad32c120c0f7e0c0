//! The parameters that name relations and fields: sorts, includes, counts, fields, filters.

use recto_domain::{Code, Invalid};
use recto_relations::{
    Entity, Filter, FilterError, Include, IncludeError, Quantifier, RelationInfo, Sort, SortError,
};

use crate::fields::Fields;
use crate::parameters::Parameters;

/// Takes the order of a page: of all entities of a type, or of those that a relation leads to.
pub(super) fn take_sort<E: Entity>(
    parameters: &mut Parameters,
    relation: Option<&'static RelationInfo>,
) -> Sort {
    let sort = match (parameters.take_list("sort"), relation) {
        (Some(sort), Some(relation)) => Sort::parse_along(relation, &sort),
        (Some(sort), None) => Sort::parse(E::INFO, &sort),
        (None, Some(relation)) => Ok(Sort::along(relation)),
        (None, None) => Ok(Sort::default()),
    };
    parameters
        .check("sort", sort.map_err(|error| invalid(sort_code(&error), &error)))
        .unwrap_or_default()
}

/// Takes the own fields to show.
pub(super) fn take_fields<E: Entity>(parameters: &mut Parameters) -> Fields {
    let fields = parameters.take_list("fields");
    let fields = fields.and_then(|raw| parameters.check("fields", Fields::parse(E::INFO, &raw)));
    fields.unwrap_or_default()
}

/// Takes the relations to load and to count.
pub(super) fn take_include<E: Entity>(parameters: &mut Parameters) -> Include {
    let mut is_complete = true;
    let mut include = Include::nothing();
    if let Some(paths) = parameters.take_list("include") {
        match Include::parse(E::INFO, &paths) {
            Ok(parsed) => include = parsed,
            Err(error) => {
                is_complete = false;
                parameters.refuse("include", invalid(include_code(&error), &error));
            }
        }
    }
    if let Some(paths) = parameters.take_list("count") {
        match include.count(E::INFO, &paths) {
            Ok(()) => {}
            // The wrong include may be the one that the count needs.
            Err(IncludeError::CountOfUnloaded { .. }) if !is_complete => {}
            Err(error) => parameters.refuse("count", invalid(include_code(&error), &error)),
        }
    }
    include
}

/// Takes the filters on related entities.
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
        IncludeError::Limit { .. } => Code::Range,
        IncludeError::Contradiction { .. } | IncludeError::CountOfUnloaded { .. } => Code::Conflict,
        IncludeError::Unknown { .. }
        | IncludeError::UnknownOption { .. }
        | IncludeError::OptionOfOne { .. }
        | IncludeError::Uncountable { .. } => Code::Unknown,
        // Including errors of later versions.
        _ => Code::Format,
    }
}

const fn filter_code(error: &FilterError) -> Code {
    match error {
        FilterError::UnknownRelation { .. } | FilterError::UnknownField { .. } => Code::Unknown,
        FilterError::EmptyRange { .. } => Code::Range,
        FilterError::OnlyWithoutCondition => Code::Required,
        // Including errors of later versions.
        _ => Code::Format,
    }
}

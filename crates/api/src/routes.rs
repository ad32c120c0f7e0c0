//! The routes below the base path: the handler of each, the access that it requires, and its
//! description.

mod blog;
mod catalog;
mod identity;
mod org;
mod school;

use recto_domain::{Create, Update};
use recto_identity::Access;
use recto_persistence::{MappedMany, MappedOne, Recto, Rules};
use recto_relations::{Cardinality, Entity, OnDelete, RelationInfo};
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use crate::extract::Filtered;
use crate::problem::ProblemType;
use crate::schema::SchemaDescription;
use crate::table::{Operation, RouteTable};
use crate::{crud, meta, paths};

/// Returns all routes below the base path. A request is compared with them in this order.
pub(crate) fn table() -> RouteTable {
    let mut table = RouteTable::new();
    catalog::add(&mut table);
    identity::add(&mut table);
    blog::add(&mut table);
    school::add(&mut table);
    org::add(&mut table);
    add_meta(&mut table);
    table
}

fn add_meta(table: &mut RouteTable) {
    table.group("meta").at("/schema").get(
        meta::schema,
        Operation::new(
            "Get the entities and relations",
            "Returns all entities, and both directions of all relations: name, inverse, cardinality, delete rule, columns and path.",
        )
        .returns::<SchemaDescription>("The entities and relations. Paths are relative to `/api/v1`.")
        .with_etag(),
    );
    table.at("/openapi.json").get(
        meta::openapi,
        Operation::new("Get the OpenAPI document", "Returns the description of this API.")
            .content(200, "An OpenAPI 3.1 document.", ObjectBuilder::new())
            .with_etag(),
    );
}

/// Adds the path of a to-many relation.
fn add_many<R: MappedMany<Recto, To: ToSchema, Data: ToSchema>>(
    table: &mut RouteTable,
    summary: &'static str,
) {
    table.at(&paths::relation(R::INFO)).get(crud::many::<R>, Operation::many::<R>(summary));
}

/// Adds the path of a to-one relation.
fn add_one<R: MappedOne<Recto, To: ToSchema>>(table: &mut RouteTable, summary: &'static str) {
    table.at(&paths::relation(R::INFO)).get(crud::one::<R>, Operation::one::<R>(summary));
}

/// Adds the collection of an entity that any verified account may create.
fn add_collection<E>(table: &mut RouteTable, [list, create]: [&'static str; 2])
where
    E: Rules + Create<Parent = (), New: ToSchema> + Filtered + ToSchema,
{
    let description = format!("Creates the {}.", E::INFO.name.to_lowercase());
    table.at(&paths::collection(E::INFO)).get(crud::page::<E>, Operation::page::<E>(list)).post(
        crud::create::<E>,
        Operation::new(create, description)
            .requires(Access::Verified)
            .body::<E::New>()
            .creates::<E>(),
    );
}

/// Adds the items of an entity that any verified account may change, and administrators may
/// delete.
fn add_items<E>(
    table: &mut RouteTable,
    [get, change, delete]: [&'static str; 3],
    deletion: &'static str,
) where
    E: Rules + Update<Patch: ToSchema> + ToSchema,
{
    let name = E::INFO.name.to_lowercase();
    table
        .at(&paths::item(E::INFO))
        .get(crud::item::<E>, Operation::item::<E>(get))
        .patch(
            crud::change::<E>,
            Operation::new(change, "Changes only the given fields.")
                .requires(Access::Verified)
                .body::<E::Patch>()
                .returns_entity::<E>(&format!("The changed {name}."))
                .conflicts(patch_conflicts::<E>()),
        )
        .delete(
            crud::delete::<E>,
            Operation::new(delete, deletion)
                .requires(Access::Admin)
                .conflicts(delete_conflicts::<E>()),
        );
}

/// Returns the conflicts of a changed foreign key: a cycle, if the entity refers to its own type.
fn patch_conflicts<E: Entity>() -> &'static [ProblemType] {
    let to_itself = |relation: &RelationInfo| relation.to == E::INFO;
    if E::INFO.relations().any(to_itself) { &[ProblemType::ReportingCycle] } else { &[] }
}

/// Returns the conflicts of a deletion: references that the delete rule protects.
fn delete_conflicts<E: Entity>() -> &'static [ProblemType] {
    let restricts = |relation: &RelationInfo| {
        relation.cardinality == Cardinality::Many && relation.on_delete == Some(OnDelete::Restrict)
    };
    if E::INFO.relations().any(restricts) { &[ProblemType::StillReferenced] } else { &[] }
}

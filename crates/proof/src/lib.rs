//! Proof that a relation which its schema does not back does not compile.
//!
//! Each file in `tests/refused` makes one mistake, and the `.stderr` beside it
//! is what the compiler answers. The two macros here spare those files what has
//! nothing to do with the mistake.
//!
//! ```
#![doc = include_str!("../tests/accepted/magazine.rs")]
//! ```

/// An entity with a number as its key.
///
/// ```
/// use recto_relations::{Entity, relations};
///
/// relations! { pub static LIBRARY = "library": Author; }
///
/// recto_proof::entity!(Author in authors { name: String });
///
/// let author = Author { id: 1, name: "Ada".to_owned() };
/// assert_eq!(author.key(), 1);
/// ```
#[macro_export]
macro_rules! entity {
    ($entity:ident in $collection:ident { $($member:ident: $type:ty),+ $(,)? }) => {
        #[derive(Clone, Debug, serde::Serialize)]
        pub struct $entity {
            pub id: i64,
            $(pub $member: $type,)+
        }

        impl recto_relations::Entity for $entity {
            type Key = i64;

            const INFO: &'static recto_relations::EntityInfo =
                &recto_relations::EntityInfo {
                    name: stringify!($entity),
                    collection: stringify!($collection),
                    key: "id",
                    fields: &[],
                    sorts: &[recto_relations::SortField::creation()],
                    module: <Self as recto_relations::InModule>::module,
                };

            fn key(&self) -> i64 {
                self.id
            }

            fn sort_value(
                &self,
                _: &recto_relations::SortField,
            ) -> recto_relations::SortValue {
                recto_relations::SortValue::Empty
            }
        }
    };
}

/// The row of such an entity, whose relations are listed in `EDGES`.
///
/// ```
/// use recto_persistence::relation::AnyEdge;
/// use recto_relations::relations;
///
/// relations! { pub static LIBRARY = "library": Author; }
/// static EDGES: &[&dyn AnyEdge] = &[];
///
/// diesel::table! {
///     authors (id) {
///         id -> BigInt,
///         name -> Text,
///     }
/// }
///
/// recto_proof::entity!(Author in authors { name: String });
/// recto_proof::row!(AuthorRow of Author in authors { name: String });
///
/// let row = AuthorRow { id: 1, name: "Ada".to_owned() };
/// assert_eq!(Author::try_from(row)?.name, "Ada");
/// # Ok::<(), recto_persistence::Error>(())
/// ```
#[macro_export]
macro_rules! row {
    ($row:ident of $entity:ident in $table:ident { $($member:ident: $type:ty),+ $(,)? }) => {
        #[derive(diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
        #[diesel(table_name = $table)]
        struct $row {
            id: i64,
            $($member: $type,)+
        }

        impl TryFrom<$row> for $entity {
            type Error = recto_persistence::Error;

            fn try_from(row: $row) -> Result<Self, recto_persistence::Error> {
                Ok(Self { id: row.id, $($member: row.$member.into(),)+ })
            }
        }

        recto_persistence::stored!($entity, $row, $table.id, edges: EDGES, sorts: []);
    };
}

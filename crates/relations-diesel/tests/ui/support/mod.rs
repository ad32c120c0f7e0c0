//! The parts that all cases share.

/// The mapping.
pub enum Magazine {}

#[derive(Debug)]
pub enum Error {
    Database(diesel::result::Error),
    Corrupt(recto_relations_diesel::Corrupt),
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<recto_relations_diesel::Corrupt> for Error {
    fn from(error: recto_relations_diesel::Corrupt) -> Self {
        Self::Corrupt(error)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// Declares an entity.
macro_rules! entity {
    ($entity:ident in $collection:ident { $($field:ident: $type:ty),+ }) => {
        #[derive(Clone, Debug, Hash, serde::Serialize)]
        pub struct $entity {
            pub id: i64,
            $(pub $field: $type,)+
        }

        impl recto_relations::Entity for $entity {
            type Key = i64;

            const INFO: &'static recto_relations::EntityInfo = &recto_relations::EntityInfo {
                name: stringify!($entity),
                collection: stringify!($collection),
                key: "id",
                sorts: &[recto_relations::SortField::creation()],
                fields: &[],
                weight: 1,
                module: <Self as recto_relations::InModule>::module,
            };

            fn key(&self) -> i64 {
                self.id
            }
        }
    };
}

/// Maps an entity to its row.
#[allow(unused_macros, reason = "some cases map no rows")]
macro_rules! stored {
    ($row:ident as $entity:ident { $($field:ident),+ }) => {
        impl TryFrom<$row> for $entity {
            type Error = crate::support::Error;

            fn try_from(row: $row) -> Result<Self, crate::support::Error> {
                Ok(Self { id: row.id, $($field: row.$field.into()),+ })
            }
        }

        impl recto_relations_diesel::Stored<crate::support::Magazine> for $entity {
            type Row = $row;
            type Filter = ();
            const SORTS: &'static [recto_relations_diesel::SortColumn] = &[];
        }
    };
}

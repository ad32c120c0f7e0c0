//! Macros that declare an entity or an input once. They generate the struct, parsing,
//! serialization and (with the feature `openapi`) the schema, so that these cannot differ.

/// Declares a struct with public fields that is serialized as a JSON object, without those after
/// `@not_shown`. These are not hashed either: equal hashes stand for equal objects.
macro_rules! object {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[$attribute:meta])+ pub $field:ident: $type:ty,)+
            $(@not_shown $(#[$hidden_attribute:meta])+ pub $hidden:ident: $hidden_type:ty,)*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name {
            $(
                $(#[$attribute])+
                #[cfg_attr(feature = "openapi", schema(inline, required))]
                pub $field: $type,
            )+
            $(
                $(#[$hidden_attribute])+
                #[serde(skip)]
                pub $hidden: $hidden_type,
            )*
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                $(self.$field.hash(state);)+
            }
        }
    };
}
pub(crate) use object;

/// Declares an [`object!`] that is an [`Entity`](recto_relations::Entity), with the name of its
/// collection, its key, the fields by which it can be sorted besides `created_at`, and the cost of
/// reading one if it has long texts. It also has the times of its creation and of its last change,
/// and a version.
macro_rules! entity {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident in $collection:literal,
            key $key:ident: $key_type:ty, sorts [$($sort:ident: $sort_type:ty),*]
            $(, weight $weight:literal)?
        {
            $($(#[$attribute:meta])+ pub $field:ident: $type:ty,)+
        }
    ) => {
        $crate::record::object! {
            $(#[doc = $doc])+
            pub struct $name {
                $($(#[$attribute])+ pub $field: $type,)+
                /// The time of creation, in UTC.
                #[serde(serialize_with = "crate::time::write")]
                pub created_at: chrono::DateTime<chrono::Utc>,
                /// The time of the last change, in UTC.
                #[serde(serialize_with = "crate::time::write")]
                pub updated_at: chrono::DateTime<chrono::Utc>,
                @not_shown
                /// The version; each change increments it.
                pub version: recto_relations::Version,
            }
        }

        impl $crate::Versioned for $name {
            fn advance(&mut self) {
                self.version.advance();
            }
        }

        impl recto_relations::Entity for $name {
            type Key = $key_type;

            const INFO: &'static recto_relations::EntityInfo = &recto_relations::EntityInfo {
                name: stringify!($name),
                collection: $collection,
                key: stringify!($key),
                sorts: &[
                    $(recto_relations::SortField {
                        name: stringify!($sort),
                        kind: <$sort_type as $crate::value::Sortable>::KIND,
                        nullable: <$sort_type as $crate::value::Sortable>::NULLABLE,
                        of_link: false,
                    },)*
                    recto_relations::SortField::creation(),
                ],
                fields: &[
                    $(recto_relations::Field {
                        name: stringify!($field),
                        declared: stringify!($type),
                    },)+
                    recto_relations::Field { name: "created_at", declared: "DateTime<Utc>" },
                    recto_relations::Field { name: "updated_at", declared: "DateTime<Utc>" },
                ],
                weight: const { 1 $(* $weight)? },
                module: <Self as recto_relations::InModule>::module,
            };

            fn key(&self) -> $key_type {
                self.$key
            }

            fn version(&self) -> Option<recto_relations::Version> {
                Some(self.version)
            }

            fn sort_value(&self, field: &recto_relations::SortField) -> recto_relations::SortValue {
                match field.name {
                    $(stringify!($sort) => $crate::value::Sortable::sort_value(&self.$sort),)*
                    _ => recto_relations::SortValue::Empty,
                }
            }
        }
    };
}
pub(crate) use entity;

/// Declares an [`Input`](crate::Input): a body that a client sends.
///
/// The type of a field determines how it is parsed, see [`crate::input::InputField`]. A `secret
/// struct` contains a password or a token and can be neither serialized nor compared. `rules`
/// checks rules that involve several fields; each is an `Option` there, `None` if it was refused.
macro_rules! input {
    // A merge patch (RFC 7396).
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[$attribute:meta])+ pub $field:ident: Change<$type:ty>,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
        pub struct $name {
            $(
                $(#[$attribute])+
                #[cfg_attr(
                    feature = "openapi",
                    schema(inline, required = false, value_type = $type)
                )]
                pub $field: Change<$type>,
            )+
        }

        $crate::record::input!(@serialize $name { $($field)+ });
        $crate::record::input!(@read $name { $($field: Change<$type>,)+ });
    };
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[$attribute:meta])+ pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
        pub struct $name {
            $(
                $(#[$attribute])+
                #[cfg_attr(feature = "openapi", schema(inline))]
                pub $field: $type,
            )+
        }

        $crate::record::input!(@serialize $name { $($field)+ });
        $crate::record::input!(@read $name { $($field: $type,)+ });
    };
    (
        $(#[$container:meta])+
        pub secret struct $name:ident {
            $($(#[$attribute:meta])+ pub $field:ident: $type:ty,)+
        }
        $(rules |$fields:ident| $rules:block)?
    ) => {
        #[derive(Clone, Debug)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
        $(#[$container])+
        pub struct $name {
            $(
                $(#[$attribute])+
                #[cfg_attr(feature = "openapi", schema(inline))]
                pub $field: $type,
            )+
        }

        $crate::record::input!(@read $name { $($field: $type,)+ } $(|$fields| $rules)?);
    };
    // Leaves out absent fields. A derive would need `skip_serializing_if`, which `ToSchema` reads
    // as "not required".
    (@serialize $name:ident { $($field:ident)+ }) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if !$crate::input::InputField::is_absent(&self.$field) {
                    serde::ser::SerializeMap::serialize_entry(
                        &mut map,
                        stringify!($field),
                        &self.$field,
                    )?;
                })+
                serde::ser::SerializeMap::end(map)
            }
        }
    };
    (@read $name:ident { $($field:ident: $type:ty,)+ }) => {
        $crate::record::input!(@read $name { $($field: $type,)+ } |fields| {});
    };
    (@read $name:ident { $($field:ident: $type:ty,)+ } |$fields:ident| $rules:block) => {
        impl $crate::Input for $name {
            fn parse(value: &serde_json::Value) -> Result<Self, $crate::Violations> {
                let mut $fields = $crate::input::Fields::of(value)?;
                $(let $field: Option<$type> = $fields.field(stringify!($field));)+
                $rules
                $fields.finish(|| Some(Self { $($field: $field?,)+ }))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::Input::parse(&value).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use input;

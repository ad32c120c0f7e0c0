//! The macros that declare an entity or an input once, and write from it the struct, the reading,
//! the writing and (with the feature `openapi`) the schema, so that these cannot drift apart.

/// A struct with public fields that is serialized as a JSON object, with its schema.
macro_rules! object {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[doc = $field_doc:literal])+ pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        #[cfg(feature = "openapi")]
        $crate::openapi::described!($name, {
            let shape = $crate::openapi::Shape::new(concat!($($doc, "\n"),+));
            $(let shape = shape.member::<$type>(
                stringify!($field),
                concat!($($field_doc, "\n"),+),
                true,
            );)+
            shape.schema()
        });
    };
}
pub(crate) use object;

/// An [`object!`] that is an [`Entity`](recto_relations::Entity): the name of its collection, its
/// key, and the fields that its pages can be sorted by besides `created_at`.
macro_rules! entity {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident in $collection:literal,
            key $key:ident: $key_type:ty, sorts [$($sort:ident: $sort_type:ty),*]
        {
            $($(#[doc = $field_doc:literal])+ pub $field:ident: $type:ty,)+
        }
    ) => {
        $crate::record::object! {
            $(#[doc = $doc])+
            pub struct $name {
                $($(#[doc = $field_doc])+ pub $field: $type,)+
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
                fields: &[$(recto_relations::Field {
                    name: stringify!($field),
                    declared: stringify!($type),
                }),+],
                module: <Self as recto_relations::InModule>::module,
            };

            fn key(&self) -> $key_type {
                self.$key
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

/// An input: what a client sends, read from untrusted JSON with every violation at once.
///
/// A member's type says how it is read, see [`crate::input::Member`]. `secret struct` is for
/// inputs that hold a password or a token: they cannot be written down or compared. `rules` says
/// what members have to do with each other; there each is an `Option`, empty where it was refused.
macro_rules! input {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[doc = $member_doc:literal])+ pub $member:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            $(
                $(#[doc = $member_doc])+
                #[serde(skip_serializing_if = "crate::input::Member::is_absent")]
                pub $member: $type,
            )+
        }

        $crate::record::input!(@read $name { $($member: $type,)+ } |fields| {});
        $crate::record::input!(
            @describe $name ($($doc)+) { $($member: $type, ($($member_doc)+),)+ }
        );
    };
    (
        $(#[doc = $doc:literal])+
        pub secret struct $name:ident {
            $($(#[doc = $member_doc:literal])+ pub $member:ident: $type:ty,)+
        }
        $(rules |$fields:ident| $rules:block)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[doc = $member_doc])+ pub $member: $type,)+
        }

        $crate::record::input!(
            @read $name { $($member: $type,)+ } $(|$fields| $rules)? |fields| {}
        );
        $crate::record::input!(
            @describe $name ($($doc)+) { $($member: $type, ($($member_doc)+),)+ }
        );
    };
    // Rules that span members come first where there are any, and others are left out.
    (
        @read $name:ident { $($member:ident: $type:ty,)+ }
        |$fields:ident| $rules:block $(|$none:ident| $nothing:block)?
    ) => {
        impl $crate::Input for $name {
            fn parse(value: &serde_json::Value) -> Result<Self, $crate::Violations> {
                let mut $fields = $crate::input::Fields::of(value)?;
                $(let $member: Option<$type> = $fields.member(stringify!($member));)+
                $rules
                $fields.finish(|| Some(Self { $($member: $member?,)+ }))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::Input::parse(&value).map_err(serde::de::Error::custom)
            }
        }
    };
    (
        @describe $name:ident ($($doc:literal)+) {
            $($member:ident: $type:ty, ($($member_doc:literal)+),)+
        }
    ) => {
        #[cfg(feature = "openapi")]
        $crate::openapi::described!($name, {
            let shape = $crate::openapi::Shape::new(concat!($($doc, "\n"),+));
            $(let shape = shape.member::<$type>(
                stringify!($member),
                concat!($($member_doc, "\n"),+),
                <$type as $crate::input::Member>::REQUIRED,
            );)+
            shape.closed().schema()
        });
    };
}
pub(crate) use input;

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

/// An entity that the database numbers, with the inputs that make and change it.
///
/// The members that a client gives are declared once and stand in the entity, in what makes one
/// (`new`) and in what patches one (`patch`). Members behind `under` come from elsewhere: the path
/// that an entity is made under. `sorts` names the members of text that pages can be sorted by.
macro_rules! numbered {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident($id:ident) in $collection:literal {
            $($(#[doc = $member_doc:literal])+ pub $member:ident: $type:ty,)+
        }
        under {$($(#[doc = $under_doc:literal])+ pub $under:ident: $under_type:ty,)*}
        $(#[doc = $new_doc:literal])+
        new $new:ident;
        $(#[doc = $patch_doc:literal])+
        patch $patch:ident;
        sorts [$($sort:ident: $sort_type:ty),*]
    ) => {
        $crate::record::entity! {
            $(#[doc = $doc])+
            pub struct $name in $collection, key id: $crate::$id, sorts [$($sort: $sort_type),*] {
                /// The key.
                pub id: $crate::$id,
                $($(#[doc = $member_doc])+ pub $member: $type,)+
                $($(#[doc = $under_doc])+ pub $under: $under_type,)*
                /// When it was made, in UTC.
                pub created_at: chrono::DateTime<chrono::Utc>,
                /// When it last changed, in UTC.
                pub updated_at: chrono::DateTime<chrono::Utc>,
            }
        }

        $crate::record::input! {
            $(#[doc = $new_doc])+
            pub struct $new {
                $($(#[doc = $member_doc])+ pub $member: $type,)+
            }
        }

        $crate::record::input! {
            $(#[doc = $patch_doc])+
            pub struct $patch {
                $($(#[doc = $member_doc])+ pub $member: $crate::Change<$type>,)+
            }
        }

        impl $name {
            /// The entity that `new` describes, under a number that the database gave.
            pub fn new(
                id: $crate::$id,
                at: chrono::DateTime<chrono::Utc>,
                new: $new,
                $($under: $under_type,)*
            ) -> Self {
                let $new { $($member),+ } = new;
                Self { id, $($member,)+ $($under,)* created_at: at, updated_at: at }
            }

            /// Carries the patch out; `updated_at` moves on only if something changed, which is
            /// told.
            pub fn apply(&mut self, patch: $patch, now: chrono::DateTime<chrono::Utc>) -> bool {
                let mut changed = false;
                $(changed |= patch.$member.apply_to(&mut self.$member);)+
                if changed {
                    self.updated_at = $crate::id::moved_on(self.updated_at, now);
                }
                changed
            }
        }
    };
}
pub(crate) use numbered;

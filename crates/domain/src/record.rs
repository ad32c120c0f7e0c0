//! The macros that declare an entity or an input once, and write from it the struct, the reading,
//! the writing and (with the feature `openapi`) the schema, so that these cannot drift apart.

/// An entity: public members, each a value that cannot be wrong.
macro_rules! entity {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $($(#[doc = $member_doc:literal])+ pub $member:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[doc = $member_doc])+ pub $member: $type,)+
        }

        #[cfg(feature = "openapi")]
        $crate::openapi::described!($name, {
            let shape = $crate::openapi::Shape::new(concat!($($doc, "\n"),+));
            $(let shape = shape.member::<$type>(
                stringify!($member),
                concat!($($member_doc, "\n"),+),
                true,
            );)+
            shape.schema()
        });
    };
}
pub(crate) use entity;

/// An input: what a client sends, read from untrusted JSON with every violation at once.
///
/// A member's type says how it is read, see [`crate::input::Member`]. `secret struct` is for
/// inputs that hold a password: they cannot be written down or compared.
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

        $crate::record::input!(@read $name { $($member)+ });
        $crate::record::input!(
            @describe $name ($($doc)+) { $($member: $type, ($($member_doc)+),)+ }
        );
    };
    (
        $(#[doc = $doc:literal])+
        pub secret struct $name:ident {
            $($(#[doc = $member_doc:literal])+ pub $member:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[doc = $member_doc])+ pub $member: $type,)+
        }

        $crate::record::input!(@read $name { $($member)+ });
        $crate::record::input!(
            @describe $name ($($doc)+) { $($member: $type, ($($member_doc)+),)+ }
        );
    };
    (@read $name:ident { $($member:ident)+ }) => {
        impl $crate::Input for $name {
            fn parse(value: &serde_json::Value) -> Result<Self, $crate::Violations> {
                let mut fields = $crate::input::Fields::of(value)?;
                $(let $member = fields.member(stringify!($member));)+
                fields.finish(|| Some(Self { $($member: $member?,)+ }))
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

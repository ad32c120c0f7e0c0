//! The one place where relations come from.

/// Declares the relations of a room, both directions of each at once.
///
/// A foreign key is declared from the side of the one:
/// `UserBooks = User.books: many <=> BookUser = Book.user: optional(user_uid)`
/// makes the types `UserBooks` and `BookUser`, each the other's inverse. The
/// way back is `optional(member)` or `one(member)` after the member that holds
/// the key: declaring an `Option` member as `one`, or the reverse, does not
/// compile. A link table is `many <=> many` and names the table with its keys,
/// and what else it holds. A relation `through` two others has no column.
///
/// ```ignore
/// relations! {
///     /// The catalogue.
///     pub static CATALOG = "catalog" at "";
///     /// The books that a user keeps, and who keeps a book.
///     UserBooks = User.books: many <=> BookUser = Book.user: optional(user_uid), on delete SetNull;
///     /// The tags of a book, and the books that bear a tag.
///     BookTags = Book.tags: many <=> TagBooks = Tag.books: many, through book_tags(book_id, tag_id), on delete Cascade;
/// }
/// ```
#[macro_export]
macro_rules! relations {
    (
        $(#[$room:meta])* $vis:vis static $name:ident = $label:literal at $path:literal;
        $($declared:tt)*
    ) => {
        $crate::relations!(@next [$(#[$room])* $vis $name $label $path] [] $($declared)*);
    };

    (@next [$(#[$room:meta])* $vis:vis $name:ident $label:literal $path:literal] [$($all:ident)*]) => {
        $(#[$room])*
        $vis static $name: $crate::relation::Room = $crate::relation::Room {
            name: $label,
            path: $path,
            relations: &[$(<$all as $crate::relation::Relation>::INFO),*],
        };
    };

    (@next $list:tt [$($all:ident)*]
        $(#[doc = $doc:literal])*
        $many:ident = $one_entity:ident . $many_name:ident : many
        <=> $one:ident = $many_entity:ident . $one_name:ident : $kind:ident ($key:tt),
        on delete $rule:ident;
        $($rest:tt)*
    ) => {
        $crate::relations!(@direction $many $(#[doc = $doc])*, $one, $one_entity . $many_name -> $many_entity . $one_name,
            Many, (), Some($crate::relation::OnDelete::$rule), $crate::relation::Storage::ForeignKey {
                table: <$many_entity as $crate::relation::Entity>::INFO.collection,
                column: stringify!($key),
            });
        impl $crate::relation::ToMany for $many {}
        $crate::relations!(@direction $one $(#[doc = $doc])*, $many, $many_entity . $one_name -> $one_entity . $many_name,
            $kind, (), Some($crate::relation::OnDelete::$rule), $crate::relation::Storage::ForeignKey {
                table: <$many_entity as $crate::relation::Entity>::INFO.collection,
                column: stringify!($key),
            });
        impl $crate::relation::ToOne for $one {
            type Presence = $crate::relations!(@presence $kind);

            fn foreign_key(from: &$many_entity) -> Option<<$one_entity as $crate::relation::Entity>::Key> {
                // Under its own name, which the compiler points at when it cannot be a key.
                let $key = from.$key;
                $crate::relation::held_key::<Self, _>($key)
            }
        }
        $crate::relations!(@next $list [$($all)* $many $one] $($rest)*);
    };

    (@next $list:tt [$($all:ident)*]
        $(#[doc = $doc:literal])*
        $there:ident = $a:ident . $there_name:ident : many
        <=> $back:ident = $b:ident . $back_name:ident : many,
        through $link:ident ($a_key:ident, $b_key:ident)
            $(with $data:ident { $($member:ident),+ })?,
        on delete $rule:ident;
        $($rest:tt)*
    ) => {
        $crate::relations!(@direction $there $(#[doc = $doc])*, $back, $a . $there_name -> $b . $back_name,
            Many, $crate::relations!(@data $($data)?), Some($crate::relation::OnDelete::$rule), $crate::relation::Storage::Link {
                table: stringify!($link), from: stringify!($a_key), to: stringify!($b_key),
                data: &[$($(stringify!($member)),+)?],
            });
        impl $crate::relation::ToMany for $there {}
        $crate::relations!(@direction $back $(#[doc = $doc])*, $there, $b . $back_name -> $a . $there_name,
            Many, $crate::relations!(@data $($data)?), Some($crate::relation::OnDelete::$rule), $crate::relation::Storage::Link {
                table: stringify!($link), from: stringify!($b_key), to: stringify!($a_key),
                data: &[$($(stringify!($member)),+)?],
            });
        impl $crate::relation::ToMany for $back {}
        $crate::relations!(@next $list [$($all)* $there $back] $($rest)*);
    };

    (@next $list:tt [$($all:ident)*]
        $(#[doc = $doc:literal])*
        $many:ident = $one_entity:ident . $many_name:ident : many
        <=> $one:ident = $many_entity:ident . $one_name:ident : one,
        through $first:ident, $second:ident;
        $($rest:tt)*
    ) => {
        $crate::relations!(@direction $many $(#[doc = $doc])*, $one, $one_entity . $many_name -> $many_entity . $one_name,
            Many, (), None, $crate::relation::Storage::Through {
                first: <$first as $crate::relation::Relation>::INFO.name,
                second: <$second as $crate::relation::Relation>::INFO.name,
            });
        impl $crate::relation::ToMany for $many {}
        $crate::relations!(@direction $one $(#[doc = $doc])*, $many, $many_entity . $one_name -> $one_entity . $many_name,
            one, (), None, $crate::relation::Storage::Through {
                first: <$second as $crate::relation::Relation>::INFO.inverse,
                second: <$first as $crate::relation::Relation>::INFO.inverse,
            });
        impl $crate::relation::Through for $many {
            type First = $first;
            type Second = $second;
        }
        $crate::relations!(@next $list [$($all)* $many $one] $($rest)*);
    };

    // Anything else begins like a relation and goes on in another way.
    (@next $list:tt $all:tt
        $(#[doc = $doc:literal])*
        $this:ident = $from:ident . $name:ident $($rest:tt)*
    ) => {
        compile_error!(concat!(
            "`", stringify!($from), ".", stringify!($name), "` is not a whole relation, which has two names: `",
            stringify!($this), " = ", stringify!($from), ".", stringify!($name),
            ": many <=> Back = Other.back: one(key), on delete Restrict;` (see `relations!` for all forms)",
        ));
    };

    (@direction $this:ident $(#[doc = $doc:literal])*, $inverse:ident,
        $from:ident . $name:ident -> $to:ident . $back:ident,
        $kind:ident, $data:ty, $rule:expr, $storage:expr
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $this;

        impl $crate::relation::Relation for $this {
            type From = $from;
            type To = $to;
            type Inverse = $inverse;
            type Loaded<'g> = $crate::relations!(@loaded $kind 'g $to);
            type Data = $data;

            const INFO: &'static $crate::relation::RelationInfo = &$crate::relation::RelationInfo {
                name: stringify!($name),
                from: <$from as $crate::relation::Entity>::INFO,
                to: <$to as $crate::relation::Entity>::INFO,
                inverse: stringify!($back),
                cardinality: $crate::relations!(@cardinality $kind),
                on_delete: $rule,
                storage: $storage,
            };

            fn read(edge: &$crate::relation::Edge, index: usize) -> Self::Loaded<'_> {
                $crate::relations!(@read $kind edge index)
            }
        }
    };

    (@data) => { () };
    (@data $data:ident) => { $data };

    (@cardinality Many) => { $crate::relation::Cardinality::Many };
    (@cardinality optional) => { $crate::relation::Cardinality::Optional };
    (@cardinality one) => { $crate::relation::Cardinality::One };

    (@presence optional) => { $crate::relation::OptionalKey };
    (@presence one) => { $crate::relation::RequiredKey };

    (@loaded Many $g:lifetime $to:ident) => { $crate::relation::Views<$g, $to> };
    (@loaded optional $g:lifetime $to:ident) => { Option<$crate::relation::View<$g, $to>> };
    (@loaded one $g:lifetime $to:ident) => { $crate::relation::View<$g, $to> };

    (@read Many $edge:ident $index:ident) => { $edge.many($index) };
    (@read optional $edge:ident $index:ident) => { $edge.optional($index) };
    (@read one $edge:ident $index:ident) => { $edge.one($index) };

}

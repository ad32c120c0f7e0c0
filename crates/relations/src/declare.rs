//! The macro `relations!`.

/// Declares a module: its entities and the relations between them.
///
/// Each line declares both directions of a relation. A direction is a unit struct, and each is the
/// [`Inverse`](crate::Relation::Inverse) of the other:
///
/// ```text
/// relations! {
///     /// The library.
///     pub static LIBRARY = "library": Author, Book, Reader;
///
///     /// The books of an author, and the author of a book.
///     AuthorBooks = Author.books: Many <=> BookAuthor = Book.author: Optional(author_id), on delete SetNull;
///     /// The readers of a book, and the books that a reader borrows.
///     BookReaders = Book.readers: Many <=> ReaderBooks = Reader.books: Many, through loans(book_id, reader_id), on delete Cascade;
/// }
/// ```
///
/// | second direction | stored as |
/// | --- | --- |
/// | `One(field)`, `Optional(field)` | a foreign key: the field of the child, an `Option` if and only if the relation is `Optional` |
/// | `Many, through table(key, key)` | a link table, with its key to the first entity and its key to the second |
/// | `… with Data { field, field }` | a link table whose links have [data](crate::LinkData) |
/// | `One, via First, Second` | two other relations, followed one after the other |
///
/// With `Many by position` the first direction through a link table is ordered by that field of
/// the link data: an integer that is unique among the links of one parent. `on delete` is
/// `Cascade`, `SetNull` or `Restrict`.
///
/// Both entities of a relation must be listed in the module.
///
/// A relation without its second direction does not compile:
///
/// ```compile_fail
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// relations! {
///     pub static HALF = "half": Poet;
///     PoetRivals = Poet.rivals: Many;
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! relations {
    (
        $(#[$meta:meta])* $vis:vis static $module:ident = $label:literal: $($entity:ident),+;
        $(
            $(#[doc = $doc:literal])*
            $there:ident = $a:ident . $there_name:ident : Many $(by $order:ident)?
            <=> $back:ident = $b:ident . $back_name:ident : $kind:ident $(($key:ident))?
            $(, through $link:ident ($a_key:ident, $b_key:ident) $(with $data:ident { $($field:ident),+ })?)?
            $(, via $first:ident, $second:ident)?
            $(, on delete $rule:ident)?;
        )*
    ) => {
        $(#[$meta])*
        $vis static $module: $crate::Module = $crate::Module {
            name: $label,
            entities: &[$(<$entity as $crate::Entity>::INFO),+],
            relations: &[$(<$there as $crate::Relation>::INFO, <$back as $crate::Relation>::INFO),*],
        };
        $(impl $crate::InModule for $entity {
            fn module() -> &'static $crate::Module {
                &$module
            }
        })+
        const _: () = $module.check_ends();
        $(
            $crate::relations!(@direction $(#[doc = $doc])* $there: $a.$there_name -> $b.$back_name: Many, $back,
                data: $crate::relations!(@data $($($data)?)?),
                on_delete: $crate::relations!(@option $($crate::OnDelete::$rule)?),
                order: $crate::relations!(@option $(&$crate::SortField::integer(stringify!($order)).of_link())?),
                storage: $($crate::Storage::ForeignKey { table: <$b as $crate::Entity>::INFO.collection, column: stringify!($key) })?
                    $($crate::Storage::Link { table: stringify!($link), from: stringify!($a_key), to: stringify!($b_key),
                        data: &[$($(stringify!($field)),+)?] })?
                    $($crate::Storage::Through { first: <$first as $crate::Relation>::INFO.name,
                        second: <$second as $crate::Relation>::INFO.name })?);
            $crate::relations!(@direction $(#[doc = $doc])* $back: $b.$back_name -> $a.$there_name: $kind, $there,
                data: $crate::relations!(@data $($($data)?)?),
                on_delete: $crate::relations!(@option $($crate::OnDelete::$rule)?),
                order: None,
                storage: $($crate::Storage::ForeignKey { table: <$b as $crate::Entity>::INFO.collection, column: stringify!($key) })?
                    $($crate::Storage::Link { table: stringify!($link), from: stringify!($b_key), to: stringify!($a_key),
                        data: &[$($(stringify!($field)),+)?] })?
                    $($crate::Storage::Through { first: <$second as $crate::Relation>::INFO.inverse,
                        second: <$first as $crate::Relation>::INFO.inverse })?);
            $(impl $crate::ToOne for $back {
                fn foreign_key(from: &$b) -> Option<<$a as $crate::Entity>::Key> {
                    // Bound to the field's name, so that type errors point at the declaration.
                    let $key = from.$key;
                    $crate::foreign_key_of::<Self, _>($key)
                }
            })?
            $(impl $crate::Through for $there {
                type First = $first;
                type Second = $second;
            })?
        )*
    };
    (@direction $(#[doc = $doc:literal])* $this:ident: $from:ident.$name:ident -> $to:ident.$inverse_name:ident: $kind:ident, $inverse:ident,
        data: $data:ty, on_delete: $rule:expr, order: $order:expr, storage: $storage:expr
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $this;

        impl $crate::Relation for $this {
            type From = $from;
            type To = $to;
            type Inverse = $inverse;
            type Cardinality = $crate::$kind;
            type Data = $data;
            const INFO: &'static $crate::RelationInfo = &$crate::RelationInfo {
                name: stringify!($name),
                from: <$from as $crate::Entity>::INFO,
                to: <$to as $crate::Entity>::INFO,
                inverse: stringify!($inverse_name),
                cardinality: <$crate::$kind as $crate::CardinalityType>::CARDINALITY,
                on_delete: $rule,
                storage: $storage,
                order: $order,
            };
        }
    };
    (@data) => { () };
    (@data $data:ident) => { $data };
    (@option) => { None };
    (@option $some:expr) => { Some($some) };
    // Everything else is a syntax error.
    ($($tokens:tt)*) => {
        compile_error!("expected relations with two directions, such as `AuthorBooks = Author.books: Many <=> BookAuthor = Book.author: One(author_id), on delete Restrict;` (see `relations!` for all forms)");
    };
}

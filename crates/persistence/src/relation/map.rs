//! The macros that tell Diesel what the domain declared.
//!
//! Code that is generic over Diesel's query traits grows bounds without end.
//! Expanded over concrete tables the same code needs none.

/// Gives an entity its table: reading by key, by keys and by page.
///
/// `row` is the private struct that a row of the table is read into. A filter
/// narrows the boxed query of a page.
macro_rules! stored {
    ($entity:ty, $row:ty, $table:ident, edges: $edges:path, sorts: [$($field:literal => $column:literal),* $(,)?]) => {
        $crate::relation::stored!($entity, $row, $table, edges: $edges,
            sorts: [$($field => $column),*], filter: (), |query, _filter| query);
    };
    (
        $entity:ty, $row:ty, $table:ident,
        edges: $edges:path,
        sorts: [$($field:literal => $column:literal),* $(,)?],
        filter: $filter_type:ty, |$query:ident, $filter:ident| $narrowed:expr
    ) => {
        impl $crate::relation::Stored for $entity {
            type Filter = $filter_type;

            #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
            const SORT_COLUMNS: $crate::query::SortColumns = $crate::query::SortColumns {
                fields: &[$(($field, concat!("\"", stringify!($table), "\".\"", $column, "\""))),*],
                key: concat!("\"", stringify!($table), "\".\"uid\""),
            };

            fn edges() -> &'static [&'static dyn $crate::relation::AnyEdge] {
                $edges
            }

            fn by_key(
                conn: &mut $crate::Connection,
                key: Self::Key,
            ) -> Result<Option<Self>, $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};
                use $crate::query::SqlKey as _;

                let row = $crate::connection::on_engine!(conn, c => {
                    $table::table.find(key.value()).select(<$row>::as_select()).get_result::<$row>(c)
                });
                $crate::relation::optional(row)?.map(Self::try_from).transpose()
            }

            #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
            fn by_keys(
                conn: &mut $crate::Connection,
                keys: &$crate::query::Keys<Self::Key>,
            ) -> Result<Vec<Self>, $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _, Table as _};

                let column = $table::table.primary_key();
                $crate::relation::entities($crate::connection::on_engine!(conn, c => {
                    $table::table
                        .filter($crate::query::KeyIn { column, keys })
                        .select(<$row>::as_select())
                        .load::<$row>(c)?
                }))
            }

            fn select(
                conn: &mut $crate::Connection,
                filter: &Self::Filter,
                window: &$crate::relation::Window<Self::Key>,
            ) -> Result<Vec<Self>, $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};

                let after = $crate::query::After::<Self::Key>::new(
                    Self::SORT_COLUMNS, &window.sort, window.after.as_ref(),
                );
                let $filter = filter;
                $crate::relation::entities($crate::connection::on_engine!(conn, c => {
                    let $query = $table::table
                        .select(<$row>::as_select())
                        .filter(after)
                        .order_by($crate::relation::order::<Self>(&window.sort))
                        .into_boxed();
                    $crate::query::Limited { query: $narrowed, limit: window.one_more() }
                        .load::<$row>(c)?
                }))
            }
        }
    };
}
pub(crate) use stored;

/// Maps the relations of a room to their columns, both directions of each, and
/// lists them.
///
/// ```ignore
/// map_relations! {
///     pub(crate) static EDGES;
///     UserBooks <=> BookUser: books.user_uid -> users.uid as BookRow;
///     BookTags <=> TagBooks: book_tags(book_id -> books.uid as BookRow, tag_id -> tags.uid as TagRow) as BookTagRow;
/// }
/// ```
macro_rules! map_relations {
    ($(#[$list:meta])* $vis:vis static $name:ident; $($mapped:tt)*) => {
        $crate::relation::map_relations!(@next [$(#[$list])* $vis $name] [] $($mapped)*);
    };

    (@next [$(#[$list:meta])* $vis:vis $name:ident] [$($edge:expr,)*]) => {
        $(#[$list])*
        $vis static $name: &[&dyn $crate::relation::AnyEdge] = &[$(&$edge),*];
    };

    (@next $list:tt [$($edge:expr,)*]
        $many:ident <=> $one:ident: $child:ident . $key:ident -> $parent:ident . $parent_key:ident as $row:ident;
        $($rest:tt)*
    ) => {
        const _: () = {
            use $crate::relation::check;
            check::foreign_key::<_, <$one as recto_domain::relation::ToOne>::Presence, _>(
                &$child::$key, &$parent::$parent_key,
            );
            check::joined(&$child::table, &$parent::table);
        };
        $crate::relation::map_relations!(@belongs $many, $parent, $row, $child . $key);

        impl $crate::relation::MappedMany for $many {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: <Self::From as recto_domain::relation::Entity>::Key,
                window: &$crate::relation::Window<<Self::To as recto_domain::relation::Entity>::Key>,
            ) -> Result<Vec<Self::To>, $crate::Error> {
                use diesel::{BelongingToDsl as _, QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};

                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS;
                let parent = $crate::relation::ParentOf::<$many>::new(parent);
                $crate::relation::entities($crate::connection::on_engine!(conn, c => {
                    let query = $row::belonging_to(&parent)
                        .filter($crate::query::After::<<Self::To as recto_domain::relation::Entity>::Key>::new(
                            columns, &window.sort, window.after.as_ref(),
                        ))
                        .order_by($crate::query::OrderBy { columns, sort: &window.sort })
                        .select($row::as_select());
                    $crate::query::Limited { query, limit: window.one_more() }.load::<$row>(c)?
                }))
            }

            #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
            fn of_each(
                conn: &mut $crate::Connection,
                parents: &$crate::query::Keys<<Self::From as recto_domain::relation::Entity>::Key>,
                sort: &recto_domain::relation::Sort,
                limit: i64,
            ) -> Result<Vec<(<Self::From as recto_domain::relation::Entity>::Key, Self::To)>, $crate::Error> {
                use diesel::{RunQueryDsl as _, SelectableHelper as _};
                use recto_domain::relation::ToOne as _;

                let children = $crate::query::Children {
                    table: concat!("\"", stringify!($child), "\""),
                    parent_key: concat!("\"", stringify!($child), "\".\"", stringify!($key), "\""),
                    link: None,
                };
                let order = $crate::relation::order::<Self::To>(sort);
                let rows = $crate::connection::on_engine!(conn, c => {
                    $crate::query::Child($crate::query::PerParent {
                        select: $row::as_select(), children, parents, order, limit,
                    })
                    .load::<$row>(c)?
                });
                rows.into_iter()
                    .map(|row| {
                        let child = <Self::To>::try_from(row)?;
                        let parent = $one::foreign_key(&child).ok_or($crate::Error::Dangling {
                            key: concat!(stringify!($child), ".", stringify!($key)).to_owned(),
                        })?;
                        Ok((parent, child))
                    })
                    .collect()
            }

            $crate::relation::map_relations!(@counts $child . $key);
        }

        $crate::relation::map_relations!(@next $list
            [$($edge,)* $crate::relation::Many::<$many>::EDGE, $crate::relation::One::<$one>::EDGE,]
            $($rest)*);
    };

    (@next $list:tt [$($edge:expr,)*]
        $there:ident <=> $back:ident: $link:ident (
            $a_key:ident -> $a:ident . $a_id:ident as $a_row:ident,
            $b_key:ident -> $b:ident . $b_id:ident as $b_row:ident
        ) as $row:ident;
        $($rest:tt)*
    ) => {
        const _: () = {
            use $crate::relation::check;
            use recto_domain::relation::RequiredKey;
            check::foreign_key::<_, RequiredKey, _>(&$link::$a_key, &$a::$a_id);
            check::foreign_key::<_, RequiredKey, _>(&$link::$b_key, &$b::$b_id);
            check::joined(&$link::table, &$a::table);
            check::joined(&$link::table, &$b::table);
            check::link(&$link::table, &$link::$a_key, &$link::$b_key);
        };
        $crate::relation::map_relations!(@linked $there, $link, $row, $a . $a_id, $a_key, $b . $b_id, $b_key, $b_row);
        $crate::relation::map_relations!(@linked $back, $link, $row, $b . $b_id, $b_key, $a . $a_id, $a_key, $a_row);

        $crate::relation::map_relations!(@next $list
            [$($edge,)* $crate::relation::Many::<$there>::EDGE, $crate::relation::Many::<$back>::EDGE,]
            $($rest)*);
    };

    // One direction through a link table.
    (@linked $there:ident, $link:ident, $link_row:ident,
        $from:ident . $from_id:ident, $from_key:ident,
        $to:ident . $to_id:ident, $to_key:ident, $to_row:ident
    ) => {
        $crate::relation::map_relations!(@belongs $there, $from, $link_row, $link . $from_key);

        impl $crate::relation::MappedMany for $there {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: <Self::From as recto_domain::relation::Entity>::Key,
                window: &$crate::relation::Window<<Self::To as recto_domain::relation::Entity>::Key>,
            ) -> Result<Vec<Self::To>, $crate::Error> {
                use diesel::{BelongingToDsl as _, QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};

                // By the link's own key: its index is in that order already.
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS
                    .with_key(concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""));
                let parent = $crate::relation::ParentOf::<$there>::new(parent);
                $crate::relation::entities($crate::connection::on_engine!(conn, c => {
                    let query = $link_row::belonging_to(&parent)
                        .inner_join($to::table)
                        .filter($crate::query::After::<<Self::To as recto_domain::relation::Entity>::Key>::new(
                            columns, &window.sort, window.after.as_ref(),
                        ))
                        .order_by($crate::query::OrderBy { columns, sort: &window.sort })
                        .select($to_row::as_select());
                    $crate::query::Limited { query, limit: window.one_more() }.load::<$to_row>(c)?
                }))
            }

            #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
            fn of_each(
                conn: &mut $crate::Connection,
                parents: &$crate::query::Keys<<Self::From as recto_domain::relation::Entity>::Key>,
                sort: &recto_domain::relation::Sort,
                limit: i64,
            ) -> Result<Vec<(<Self::From as recto_domain::relation::Entity>::Key, Self::To)>, $crate::Error> {
                use diesel::{RunQueryDsl as _, SelectableHelper as _};
                use $crate::query::SqlKey;

                type Parent = <<$there as recto_domain::relation::Relation>::From as recto_domain::relation::Entity>::Key;

                let to_key = concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\"");
                let children = $crate::query::Children {
                    table: concat!("\"", stringify!($to), "\""),
                    parent_key: concat!("\"", stringify!($link), "\".\"", stringify!($from_key), "\""),
                    link: Some($crate::query::Link {
                        table: concat!("\"", stringify!($link), "\""),
                        child_key: to_key,
                        target: concat!("\"", stringify!($to), "\".\"", stringify!($to_id), "\""),
                    }),
                };
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS.with_key(to_key);
                let order = $crate::query::OrderBy { columns, sort };
                let rows = $crate::connection::on_engine!(conn, c => {
                    $crate::query::Linked($crate::query::PerParent {
                        select: $to_row::as_select(), children, parents, order, limit,
                    })
                    .load::<(<Parent as SqlKey>::Value, $to_row)>(c)?
                });
                rows.into_iter()
                    .map(|(parent, row)| Ok((Parent::from_value(parent), <Self::To>::try_from(row)?)))
                    .collect()
            }

            $crate::relation::map_relations!(@counts $link . $from_key);
        }
    };

    // Rows of `$row` belong to the parents of `$many` by `$child.$key`.
    (@belongs $many:ident, $parent:ident, $row:ident, $child:ident . $key:ident) => {
        impl diesel::associations::HasTable for $crate::relation::ParentOf<$many> {
            type Table = $parent::table;

            fn table() -> Self::Table {
                $parent::table
            }
        }

        impl<'a> diesel::Identifiable for &'a $crate::relation::ParentOf<$many> {
            type Id = &'a $crate::sql_types::UidValue;

            fn id(self) -> Self::Id {
                &self.key
            }
        }

        impl diesel::associations::BelongsTo<$crate::relation::ParentOf<$many>> for $row {
            type ForeignKey = $crate::sql_types::UidValue;
            type ForeignKeyColumn = $child::$key;

            fn foreign_key(&self) -> Option<&Self::ForeignKey> {
                $crate::sql_types::KeyMember::as_key(&self.$key)
            }

            fn foreign_key_column() -> Self::ForeignKeyColumn {
                $child::$key
            }
        }
    };

    (@counts $table:ident . $key:ident) => {
        #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
        fn counts(
            conn: &mut $crate::Connection,
            parents: &$crate::query::Keys<<Self::From as recto_domain::relation::Entity>::Key>,
        ) -> Result<Vec<(<Self::From as recto_domain::relation::Entity>::Key, i64)>, $crate::Error> {
            use diesel::RunQueryDsl as _;
            use $crate::query::SqlKey;
            type Parent<R> = <<R as recto_domain::relation::Relation>::From as recto_domain::relation::Entity>::Key;

            let rows = $crate::connection::on_engine!(conn, c => {
                $crate::query::CountPerParent {
                    table: concat!("\"", stringify!($table), "\""),
                    parent_key: concat!("\"", stringify!($table), "\".\"", stringify!($key), "\""),
                    parents,
                }
                .load::<(<Parent<Self> as SqlKey>::Value, i64)>(c)?
            });
            Ok(rows
                .into_iter()
                .map(|(parent, count)| (<Parent<Self> as SqlKey>::from_value(parent), count))
                .collect())
        }
    };
}
pub(crate) use map_relations;

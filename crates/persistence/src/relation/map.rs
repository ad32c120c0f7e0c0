//! The macros that tell Diesel what the domain declared.
//!
//! Code that is generic over Diesel's query traits grows bounds without end.
//! Expanded over concrete tables the same code needs none.

/// Gives an entity its table: reading by key, by keys and by page.
///
/// `row` is the private struct that a row of the table is read into. A filter
/// narrows the boxed query of a page.
macro_rules! stored {
    ($entity:ty, $row:ty, $table:ident . $key:ident, edges: $edges:path, sorts: [$($field:expr => $column:expr),* $(,)?]) => {
        $crate::relation::stored!($entity, $row, $table.$key, edges: $edges,
            sorts: [$($field => $column),*], filter: (), |query, _filter| query);
    };
    (
        $entity:ty, $row:ty, $table:ident . $key:ident,
        edges: $edges:path,
        sorts: [$($field:expr => $column:expr),* $(,)?],
        filter: $filter_type:ty, |$query:ident, $filter:ident| $narrowed:expr
    ) => {
        impl $crate::relation::Stored for $entity {
            type Filter = $filter_type;

            #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
            const SORT_COLUMNS: $crate::query::SortColumns = $crate::query::SortColumns {
                fields: &[$(($field, concat!("\"", stringify!($table), "\".\"", $column, "\""))),*],
                key: concat!("\"", stringify!($table), "\".\"", stringify!($key), "\""),
                order: None,
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
///     // A foreign key: the rows of the many, the rows of the one.
///     UserBooks <=> BookUser: books.user_uid -> users.uid as BookRow;
///     // A link table, whose rows become what the link says.
///     BookTags <=> TagBooks: book_tags(book_id -> books.uid as BookRow, tag_id -> tags.uid as TagRow) as BookTagRow;
///     // The same, where the links are in an order.
///     BookContributors <=> AuthorBooks: book_contributors(book_id -> books.uid as BookRow, author_id -> authors.uid as AuthorRow) as BookContributorRow by position;
///     // A key to the same table.
///     EmployeeReports <=> EmployeeManager: employees.manager_id -> self.id as EmployeeRow;
///     // One relation after another.
///     CompanyEmployees <=> EmployeeCompany: through departments(company_id -> companies.id as CompanyRow, id <- employees.department_id as EmployeeRow) as DepartmentRow;
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

    // A foreign key to the same table: nothing is joined, all else is as with any.
    (@next $list:tt $edges:tt
        $many:ident <=> $one:ident: $child:ident . $key:ident -> self . $parent_key:ident as $row:ident;
        $($rest:tt)*
    ) => {
        $crate::relation::map_relations!(@foreign_key $many $one $child . $key -> $child . $parent_key as $row);
        $crate::relation::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    (@next $list:tt $edges:tt
        $many:ident <=> $one:ident: $child:ident . $key:ident -> $parent:ident . $parent_key:ident as $row:ident;
        $($rest:tt)*
    ) => {
        const _: () = $crate::relation::check::joined(&$child::table, &$parent::table);
        $crate::relation::map_relations!(@foreign_key $many $one $child . $key -> $parent . $parent_key as $row);
        $crate::relation::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    (@next $list:tt [$($edge:expr,)*]
        $there:ident <=> $back:ident: $link:ident (
            $a_key:ident -> $a:ident . $a_id:ident as $a_row:ident,
            $b_key:ident -> $b:ident . $b_id:ident as $b_row:ident
        ) as $row:ident $(by $order:ident)?;
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
            check::ordered(<$there as recto_domain::relation::Relation>::INFO, &[$(stringify!($order))?]);
            $(check::place(&$link::$order);)?
        };
        $crate::relation::map_relations!(@linked $there, $link, $row, $a, $a_key, $b . $b_id, $b_key, $b_row, $($order)?);
        $crate::relation::map_relations!(@linked $back, $link, $row, $b, $b_key, $a . $a_id, $a_key, $a_row, $($order)?);

        $crate::relation::map_relations!(@next $list
            [$($edge,)* $crate::relation::Many::<$there>::EDGE, $crate::relation::Many::<$back>::EDGE,]
            $($rest)*);
    };

    (@next $list:tt $edges:tt
        $many:ident <=> $one:ident: through $way:ident (
            $way_key:ident -> $parent:ident . $parent_id:ident as $parent_row:ident,
            $way_id:ident <- $child:ident . $child_key:ident as $child_row:ident
        ) as $way_row:ident;
        $($rest:tt)*
    ) => {
        $crate::relation::map_relations!(@belongs $many, $parent, $way_row, $way . $way_key);

        impl $crate::relation::MappedMany for $many {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::Window<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS;
                let rows = $crate::relation::map_relations!(@window conn, c, $many, parent, window, columns,
                    $way_row.inner_join($child::table), $child_row);
                Ok($crate::relation::entities(rows)?.into_iter().map(|child| (child, ())).collect())
            }

            $crate::relation::map_relations!(@each $many, $crate::query::Keyed, $child_row::as_select(),
                ($crate::relation::ValueOf<$many>, $child_row),
                |(parent, row)| {
                    let parent = $crate::query::SqlKey::from_value(parent)
                        .map_err(|reason| $crate::row::corrupt_key(stringify!($way), stringify!($way_key), &reason))?;
                    Ok((parent, <Self::To>::try_from(row)?, ()))
                },
                key: <Self::To as $crate::relation::Stored>::SORT_COLUMNS.key,
                order: None,
                $crate::query::Children {
                    table: concat!("\"", stringify!($child), "\""),
                    parent_key: concat!("\"", stringify!($way), "\".\"", stringify!($way_key), "\""),
                    way: $crate::query::Way::Through($crate::query::Join {
                        table: concat!("\"", stringify!($way), "\""),
                        from: concat!("\"", stringify!($way), "\".\"", stringify!($way_id), "\""),
                        to: concat!("\"", stringify!($child), "\".\"", stringify!($child_key), "\""),
                    }),
                });
        }

        impl $crate::relation::MappedOne for $one {
            fn of_all(
                conn: &mut $crate::Connection,
                children: &[Self::From],
            ) -> Result<(Vec<Self::To>, Vec<Option<u32>>), $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _, Table as _};
                use recto_domain::relation::Entity as _;

                let column = $child::table.primary_key();
                let mut pairs = Vec::with_capacity(children.len());
                for chunk in children.chunks($crate::relation::CHUNK) {
                    let keys: Vec<_> = chunk.iter().map(|child| child.key()).collect();
                    let keys = $crate::query::Keys::new(&keys);
                    let rows = $crate::connection::on_engine!(conn, c => {
                        $child::table
                            .inner_join($way::table.inner_join($parent::table))
                            .filter($crate::query::KeyIn { column, keys: &keys })
                            .select((column, $parent_row::as_select()))
                            .load::<($crate::relation::ValueOf<$one>, $parent_row)>(c)?
                    });
                    for (child, row) in rows {
                        let child = $crate::query::SqlKey::from_value(child)
                            .map_err(|reason| $crate::row::corrupt_key(stringify!($child), "id", &reason))?;
                        pairs.push((child, <Self::To>::try_from(row)?));
                    }
                }
                $crate::relation::linked_to::<$one>(children, pairs)
            }
        }

        $crate::relation::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    // A to-many and a to-one direction are added to the list.
    (@list $list:tt [$($edge:expr,)*] $many:ident $one:ident $($rest:tt)*) => {
        $crate::relation::map_relations!(@next $list
            [$($edge,)* $crate::relation::Many::<$many>::EDGE, $crate::relation::One::<$one>::EDGE,]
            $($rest)*);
    };

    // Both directions of a foreign key.
    (@foreign_key $many:ident $one:ident
        $child:ident . $key:ident -> $parent:ident . $parent_key:ident as $row:ident
    ) => {
        const _: () = $crate::relation::check::foreign_key::<
            _, <$one as recto_domain::relation::ToOne>::Presence, _,
        >(&$child::$key, &$parent::$parent_key);
        $crate::relation::map_relations!(@belongs $many, $parent, $row, $child . $key);

        impl $crate::relation::MappedMany for $many {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::Window<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS;
                let rows = $crate::relation::map_relations!(@window conn, c, $many, parent, window, columns, $row, $row);
                Ok($crate::relation::entities(rows)?.into_iter().map(|child| (child, ())).collect())
            }

            $crate::relation::map_relations!(@each $many, $crate::query::Telling, $row::as_select(), $row,
                |row| {
                    let child = <Self::To>::try_from(row)?;
                    let parent = <$one as recto_domain::relation::ToOne>::foreign_key(&child)
                        .ok_or_else(|| $crate::Error::Dangling {
                            key: concat!(stringify!($child), ".", stringify!($key)).to_owned(),
                        })?;
                    Ok((parent, child, ()))
                },
                key: <Self::To as $crate::relation::Stored>::SORT_COLUMNS.key,
                order: None,
                $crate::query::Children {
                    table: concat!("\"", stringify!($child), "\""),
                    parent_key: concat!("\"", stringify!($child), "\".\"", stringify!($key), "\""),
                    way: $crate::query::Way::Direct,
                });
        }

        impl $crate::relation::MappedOne for $one {
            fn of_all(
                conn: &mut $crate::Connection,
                children: &[Self::From],
            ) -> Result<(Vec<Self::To>, Vec<Option<u32>>), $crate::Error> {
                $crate::relation::by_foreign_key::<$one>(conn, children)
            }
        }
    };

    // One direction through a link table.
    (@linked $there:ident, $link:ident, $link_row:ident,
        $from:ident, $from_key:ident, $to:ident . $to_id:ident, $to_key:ident, $to_row:ident, $($order:ident)?
    ) => {
        $crate::relation::map_relations!(@belongs $there, $from, $link_row, $link . $from_key);

        impl $crate::relation::MappedMany for $there {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::Window<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                // By the link's own key: its index is in that order already.
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS
                    .with_key(concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""))
                    .ordered_by($crate::relation::map_relations!(@order $link $($order)?));
                let rows = $crate::relation::map_relations!(@window conn, c, $there, parent, window, columns,
                    $link_row.inner_join($to::table), ($link_row, $to_row));
                rows.into_iter()
                    .map(|(link, row)| Ok((<Self::To>::try_from(row)?, link.try_into()?)))
                    .collect()
            }

            $crate::relation::map_relations!(@each $there, $crate::query::Telling,
                ($link_row::as_select(), $to_row::as_select()),
                ($link_row, $to_row),
                |(link, row)| {
                    let parent = $crate::query::SqlKey::from_value(link.$from_key)
                        .map_err(|reason| $crate::row::corrupt_key(stringify!($link), stringify!($from_key), &reason))?;
                    Ok((parent, <Self::To>::try_from(row)?, link.try_into()?))
                },
                key: concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""),
                order: $crate::relation::map_relations!(@order $link $($order)?),
                $crate::query::Children {
                    table: concat!("\"", stringify!($to), "\""),
                    parent_key: concat!("\"", stringify!($link), "\".\"", stringify!($from_key), "\""),
                    way: $crate::query::Way::Link($crate::query::Join {
                        table: concat!("\"", stringify!($link), "\""),
                        from: concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""),
                        to: concat!("\"", stringify!($to), "\".\"", stringify!($to_id), "\""),
                    }),
                });
        }
    };

    // The column that orders links, if one does.
    (@order $link:ident) => { None };
    (@order $link:ident $order:ident) => {
        Some(concat!("\"", stringify!($link), "\".\"", stringify!($order), "\""))
    };

    // A window of the rows that belong to one parent.
    (@window $conn:ident, $c:ident, $many:ident, $parent:ident, $window:ident, $columns:ident,
        $belonging:ident $(. $join:ident ($joined:path))?, $row:tt
    ) => {{
        use diesel::{BelongingToDsl as _, QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};

        let parent = $crate::relation::ParentOf::<$many>::new($parent);
        $crate::connection::on_engine!($conn, $c => {
            let query = $belonging::belonging_to(&parent)
                $(.$join($joined))?
                .filter($crate::query::After::<$crate::relation::ToKey<$many>>::new(
                    $columns, &$window.sort, $window.after.as_ref(),
                ))
                .order_by($crate::query::OrderBy { columns: $columns, sort: &$window.sort })
                .select($crate::relation::map_relations!(@select $row));
            $crate::query::Limited { query, limit: $window.one_more() }.load::<$row>($c)?
        })
    }};

    (@select ($link:ident, $row:ident)) => { ($link::as_select(), $row::as_select()) };
    (@select $row:ident) => { $row::as_select() };

    // The first rows that belong to each of many parents, and how many there are.
    (@each $many:ident, $query:path, $select:expr, $row:ty, $keyed:expr, key: $key:expr, order: $order:expr, $children:expr) => {
        #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
        fn of_each(
            conn: &mut $crate::Connection,
            parents: &$crate::query::Keys<$crate::relation::FromKey<Self>>,
            sort: &recto_domain::relation::Sort,
            limit: i64,
        ) -> Result<$crate::relation::Keyed<Self>, $crate::Error> {
            use diesel::{RunQueryDsl as _, SelectableHelper as _};

            let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS
                .with_key($key)
                .ordered_by($order);
            let order = $crate::query::OrderBy { columns, sort };
            let rows = $crate::connection::on_engine!(conn, c => {
                $query($crate::query::PerParent { select: $select, children: $children, parents, order, limit })
                    .load::<$row>(c)?
            });
            rows.into_iter().map($keyed).collect()
        }

        #[expect(private_interfaces, reason = "upper floors name the trait, never its parts")]
        fn counts(
            conn: &mut $crate::Connection,
            parents: &$crate::query::Keys<$crate::relation::FromKey<Self>>,
        ) -> Result<Vec<($crate::relation::FromKey<Self>, i64)>, $crate::Error> {
            use diesel::RunQueryDsl as _;

            let rows = $crate::connection::on_engine!(conn, c => {
                $crate::query::CountPerParent { children: $children, parents }
                    .load::<($crate::relation::ValueOf<Self>, i64)>(c)?
            });
            rows.into_iter()
                .map(|(parent, count)| {
                    let parent = $crate::query::SqlKey::from_value(parent)
                        .map_err(|reason| $crate::row::corrupt_key($children.table, "key", &reason))?;
                    Ok((parent, count))
                })
                .collect()
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
            type Id = &'a $crate::relation::ValueOf<$many>;

            fn id(self) -> Self::Id {
                &self.key
            }
        }

        impl diesel::associations::BelongsTo<$crate::relation::ParentOf<$many>> for $row {
            type ForeignKey = $crate::relation::ValueOf<$many>;
            type ForeignKeyColumn = $child::$key;

            fn foreign_key(&self) -> Option<&Self::ForeignKey> {
                $crate::sql_types::KeyMember::as_key(&self.$key)
            }

            fn foreign_key_column() -> Self::ForeignKeyColumn {
                $child::$key
            }
        }
    };
}
pub(crate) use map_relations;

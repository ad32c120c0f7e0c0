//! The macros that tell Diesel what the domain declared.
//!
//! Code that is generic over Diesel's query traits grows bounds without end.
//! Expanded over concrete tables the same code needs none.

/// Gives an entity its table: reading by key, by keys and by page.
///
/// `row` is the private struct that a row of the table is read into. A filter
/// narrows the boxed query of a page. An example is with [`map_relations!`](crate::map_relations).
#[macro_export]
macro_rules! stored {
    ($entity:ty, $row:ty, $table:ident . $key:ident, edges: $edges:path, sorts: [$($field:expr => $column:expr),* $(,)?]) => {
        $crate::stored!($entity, $row, $table.$key, edges: $edges,
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
                related: &recto_relations::Filter,
                window: &$crate::relation::PageRequest<Self::Key>,
            ) -> Result<Vec<Self>, $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};

                let after = $crate::query::After::<Self::Key>::new(
                    Self::SORT_COLUMNS, &window.sort, window.after.as_ref(),
                );
                let $filter = filter;
                $crate::relation::entities($crate::connection::on_engine!(conn, c => {
                    let mut $query = $table::table
                        .select(<$row>::as_select())
                        .filter(after)
                        .order_by($crate::relation::order::<Self>(&window.sort))
                        .into_boxed();
                    if *related != recto_relations::Filter::everything() {
                        $query = $query.filter($crate::relation::resolve::<Self>(related));
                    }
                    $crate::query::Limited { query: $narrowed, limit: $crate::relation::one_more(window) }
                        .load::<$row>(c)?
                }))
            }
        }
    };
}
pub use stored;

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
///
/// Any crate can map tables of its own, in the crate that declares the
/// relations; it depends on `diesel` and `recto_domain` as well, which the
/// macros name. Every row is `Identifiable`, and becomes its entity by
/// `TryFrom`. Several keys may point at one parent, as here:
///
/// ```
/// use recto_relations::{Entity, EntityInfo, Include, SortField, SortValue};
/// use recto_relations::relations;
/// use recto_persistence::{Connection, Error, PageRequest, map_relations, page, stored};
///
/// diesel::table! {
///     people (id) { id -> BigInt, name -> Text }
/// }
/// diesel::table! {
///     letters (id) { id -> BigInt, sender_id -> BigInt, recipient_id -> Nullable<BigInt> }
/// }
/// diesel::joinable!(letters -> people (sender_id));
/// diesel::allow_tables_to_appear_in_same_query!(letters, people);
///
/// #[derive(Clone, Debug, serde::Serialize)]
/// pub struct Person { id: i64, name: String }
///
/// #[derive(Clone, Debug, serde::Serialize)]
/// pub struct Letter { id: i64, sender_id: i64, recipient_id: Option<i64> }
///
/// relations! {
///     pub static POST = "post": Person, Letter;
///     PersonSent = Person.sent: Many <=> LetterSender = Letter.sender: One(sender_id), on delete Cascade;
///     PersonReceived = Person.received: Many <=> LetterRecipient = Letter.recipient: Optional(recipient_id), on delete SetNull;
/// }
///
/// map_relations! {
///     static EDGES;
///     PersonSent <=> LetterSender: letters.sender_id -> people.id as LetterRow;
///     PersonReceived <=> LetterRecipient: letters.recipient_id -> people.id as LetterRow;
/// }
///
/// stored!(Person, PersonRow, people.id, edges: EDGES, sorts: ["name" => "name"]);
/// stored!(Letter, LetterRow, letters.id, edges: EDGES, sorts: []);
///
/// /// How many of the newest people sent something to themselves.
/// fn to_themselves(conn: &mut Connection) -> Result<usize, Error> {
///     let include = Include::parse(Person::INFO, "sent.recipient").expect("both are declared");
///     let people = page::<Person>(conn, &(), &PageRequest::newest(100), &include)?;
///     let to_themselves = people.entities.iter().filter(|person| {
///         let mut sent = person.get(PersonSent).expect("it was included");
///         sent.any(|letter| {
///             let recipient = letter.get(LetterRecipient).expect("it was included");
///             recipient.is_some_and(|recipient| recipient.id == person.id)
///         })
///     });
///     Ok(to_themselves.count())
/// }
///
/// impl Entity for Person {
///     type Key = i64;
///     const INFO: &'static EntityInfo = &EntityInfo {
///         name: "Person",
///         collection: "people",
///         key: "id",
///         fields: &[],
///         sorts: &[SortField::text("name"), SortField::creation()],
///         module: <Self as recto_relations::InModule>::module,
///     };
///     fn key(&self) -> i64 { self.id }
///     fn sort_value(&self, _: &SortField) -> SortValue { SortValue::Text(self.name.clone()) }
/// }
///
/// impl Entity for Letter {
///     type Key = i64;
///     const INFO: &'static EntityInfo = &EntityInfo {
///         name: "Letter",
///         collection: "letters",
///         key: "id",
///         fields: &[],
///         sorts: &[SortField::creation()],
///         module: <Self as recto_relations::InModule>::module,
///     };
///     fn key(&self) -> i64 { self.id }
///     fn sort_value(&self, _: &SortField) -> SortValue { SortValue::Empty }
/// }
///
/// #[derive(diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
/// #[diesel(table_name = people)]
/// struct PersonRow { id: i64, name: String }
///
/// impl TryFrom<PersonRow> for Person {
///     type Error = Error;
///     fn try_from(row: PersonRow) -> Result<Self, Error> {
///         Ok(Self { id: row.id, name: row.name })
///     }
/// }
///
/// #[derive(diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
/// #[diesel(table_name = letters)]
/// struct LetterRow { id: i64, sender_id: i64, recipient_id: Option<i64> }
///
/// impl TryFrom<LetterRow> for Letter {
///     type Error = Error;
///     fn try_from(row: LetterRow) -> Result<Self, Error> {
///         Ok(Self { id: row.id, sender_id: row.sender_id, recipient_id: row.recipient_id })
///     }
/// }
/// # fn main() {}
/// ```
///
/// What the schema does not back does not compile; see [`check`](crate::relation::check)
/// for what is demanded.
#[macro_export]
macro_rules! map_relations {
    ($(#[$list:meta])* $vis:vis static $name:ident; $($mapped:tt)*) => {
        $crate::map_relations!(@next [$(#[$list])* $vis $name] [] $($mapped)*);
    };

    (@next [$(#[$list:meta])* $vis:vis $name:ident] [$($edge:expr,)*]) => {
        $(#[$list])*
        $vis static $name: &[&dyn $crate::relation::AnyEdge] = &[$(&$edge),*];
    };

    // A foreign key to the same table: nothing is joined, all else is as with any.
    (@next $list:tt $edges:tt
        $many:ident <=> $one:ident: $child:tt . $key:tt -> self . $parent_key:tt as $row:ident;
        $($rest:tt)*
    ) => {
        $crate::map_relations!(@check OwnForeignKey $one,
            <$one as recto_relations::Relation>::Kind, $child . $key -> $child . $parent_key);
        $crate::map_relations!(@foreign_key $many $one $child . $key -> $child . $parent_key as $row);
        $crate::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    (@next $list:tt $edges:tt
        $many:ident <=> $one:ident: $child:tt . $key:tt -> $parent:tt . $parent_key:tt as $row:ident;
        $($rest:tt)*
    ) => {
        $crate::map_relations!(@check ForeignKey $one,
            <$one as recto_relations::Relation>::Kind, $child . $key -> $parent . $parent_key);
        $crate::map_relations!(@foreign_key $many $one $child . $key -> $parent . $parent_key as $row);
        $crate::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    (@next $list:tt [$($edge:expr,)*]
        $there:ident <=> $back:ident: $link:tt (
            $a_key:tt -> $a:tt . $a_id:tt as $a_row:ident,
            $b_key:tt -> $b:tt . $b_id:tt as $b_row:ident
        ) as $row:ident $(by $order:ident)?;
        $($rest:tt)*
    ) => {
        $crate::map_relations!(@check ForeignKey $there, recto_relations::One, $link . $a_key -> $a . $a_id);
        $crate::map_relations!(@check ForeignKey $back, recto_relations::One, $link . $b_key -> $b . $b_id);
        const _: () = {
            use $crate::relation::check;
            check::ordered(<$there as recto_relations::Relation>::INFO, &[$(stringify!($order))?]);
            $(check::place(&$link::$order);)?
        };

        impl $crate::relation::check::Link for $there {
            type First = $link::$a_key;
            type Second = $link::$b_key;
        }

        $crate::map_relations!(@linked $there, $link, $row, $a, $a_key, $b . $b_id, $b_key, $b_row, $($order)?);
        $crate::map_relations!(@linked $back, $link, $row, $b, $b_key, $a . $a_id, $a_key, $a_row, $($order)?);

        $crate::map_relations!(@next $list
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
        $crate::map_relations!(@belongs $many, $parent, $way_row, $way . $way_key);

        impl $crate::relation::MappedMany for $many {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::PageRequest<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS;
                let rows = $crate::map_relations!(@window conn, c, $many, parent, window, columns,
                    $way_row.inner_join($child::table), $child_row);
                Ok($crate::relation::entities(rows)?.into_iter().map(|child| (child, ())).collect())
            }

            $crate::map_relations!(@each $many, $crate::query::Keyed, $child_row::as_select(),
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
            const PARENT: ($crate::query::Children, &'static str) = (
                $crate::query::Children {
                    table: concat!("\"", stringify!($parent), "\""),
                    parent_key: concat!("\"", stringify!($way), "\".\"", stringify!($way_id), "\""),
                    way: $crate::query::Way::Through($crate::query::Join {
                        table: concat!("\"", stringify!($way), "\""),
                        from: concat!("\"", stringify!($way), "\".\"", stringify!($way_key), "\""),
                        to: concat!("\"", stringify!($parent), "\".\"", stringify!($parent_id), "\""),
                    }),
                },
                concat!("\"", stringify!($child), "\".\"", stringify!($child_key), "\""),
            );

            fn of_all(
                conn: &mut $crate::Connection,
                children: &[Self::From],
            ) -> Result<(Vec<Self::To>, Vec<Option<u32>>), $crate::Error> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _, Table as _};
                use recto_relations::Entity as _;

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

        $crate::map_relations!(@list $list $edges $many $one $($rest)*);
    };

    // A to-many and a to-one direction are added to the list.
    (@list $list:tt [$($edge:expr,)*] $many:ident $one:ident $($rest:tt)*) => {
        $crate::map_relations!(@next $list
            [$($edge,)* $crate::relation::Many::<$many>::EDGE, $crate::relation::One::<$one>::EDGE,]
            $($rest)*);
    };

    // What the compiler is to look at. Columns come here as the tokens that they
    // are in the mapping (`tt`), for only then does it point at them there.
    (@check $kind:ident $of:ident, $presence:ty, $child:tt . $key:tt -> $parent:tt . $parent_key:tt) => {
        impl $crate::relation::check::$kind for $of {
            type Kind = $presence;
            type Parent = $parent::$parent_key;
            type Column = $child::$key;
        }
    };

    // Both directions of a foreign key.
    (@foreign_key $many:ident $one:ident
        $child:ident . $key:ident -> $parent:ident . $parent_key:ident as $row:ident
    ) => {
        $crate::map_relations!(@belongs $many, $parent, $row, $child . $key);

        impl $crate::relation::MappedMany for $many {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::PageRequest<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS;
                let rows = $crate::map_relations!(@window conn, c, $many, parent, window, columns, $row, $row);
                Ok($crate::relation::entities(rows)?.into_iter().map(|child| (child, ())).collect())
            }

            $crate::map_relations!(@each $many, $crate::query::Telling, $row::as_select(), $row,
                |row| {
                    let child = <Self::To>::try_from(row)?;
                    let parent = <$one as recto_relations::ToOne>::foreign_key(&child)
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
            const PARENT: ($crate::query::Children, &'static str) = (
                $crate::query::Children {
                    table: concat!("\"", stringify!($parent), "\""),
                    parent_key: concat!("\"", stringify!($parent), "\".\"", stringify!($parent_key), "\""),
                    way: $crate::query::Way::Direct,
                },
                concat!("\"", stringify!($child), "\".\"", stringify!($key), "\""),
            );

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
        $crate::map_relations!(@belongs $there, $from, $link_row, $link . $from_key);

        impl $crate::relation::MappedMany for $there {
            fn of_one(
                conn: &mut $crate::Connection,
                parent: $crate::relation::FromKey<Self>,
                window: &$crate::relation::PageRequest<$crate::relation::ToKey<Self>>,
            ) -> Result<$crate::relation::Linked<Self>, $crate::Error> {
                // By the link's own key: its index is in that order already.
                let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS
                    .with_key(concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""))
                    .ordered_by($crate::map_relations!(@order $link $($order)?));
                let rows = $crate::map_relations!(@window conn, c, $there, parent, window, columns,
                    $link_row.inner_join($to::table), ($link_row, $to_row));
                rows.into_iter()
                    .map(|(link, row)| Ok((<Self::To>::try_from(row)?, link.try_into()?)))
                    .collect()
            }

            $crate::map_relations!(@each $there, $crate::query::Telling,
                ($link_row::as_select(), $to_row::as_select()),
                ($link_row, $to_row),
                |(link, row)| {
                    let parent = $crate::query::SqlKey::from_value(link.$from_key)
                        .map_err(|reason| $crate::row::corrupt_key(stringify!($link), stringify!($from_key), &reason))?;
                    Ok((parent, <Self::To>::try_from(row)?, link.try_into()?))
                },
                key: concat!("\"", stringify!($link), "\".\"", stringify!($to_key), "\""),
                order: $crate::map_relations!(@order $link $($order)?),
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
                .select($crate::map_relations!(@select $row));
            $crate::query::Limited { query, limit: $crate::relation::one_more($window) }.load::<$row>($c)?
        })
    }};

    (@select ($link:ident, $row:ident)) => { ($link::as_select(), $row::as_select()) };
    (@select $row:ident) => { $row::as_select() };

    // The first rows that belong to each of many parents, and how many there are.
    (@each $many:ident, $query:path, $select:expr, $row:ty, $keyed:expr, key: $key:expr, order: $order:expr, $children:expr) => {
        const CHILDREN: $crate::query::Children = $children;

        fn of_each(
            conn: &mut $crate::Connection,
            parents: &$crate::query::Keys<$crate::relation::FromKey<Self>>,
            sort: &recto_relations::Sort,
            limit: i64,
        ) -> Result<$crate::relation::Keyed<Self>, $crate::Error> {
            use diesel::{RunQueryDsl as _, SelectableHelper as _};

            let columns = <Self::To as $crate::relation::Stored>::SORT_COLUMNS
                .with_key($key)
                .ordered_by($order);
            let order = $crate::query::OrderBy { columns, sort };
            let rows = $crate::connection::on_engine!(conn, c => {
                $query($crate::query::PerParent { select: $select, children: Self::CHILDREN, parents, order, limit })
                    .load::<$row>(c)?
            });
            rows.into_iter().map($keyed).collect()
        }

        fn counts(
            conn: &mut $crate::Connection,
            parents: &$crate::query::Keys<$crate::relation::FromKey<Self>>,
        ) -> Result<Vec<($crate::relation::FromKey<Self>, i64)>, $crate::Error> {
            use diesel::RunQueryDsl as _;

            let rows = $crate::connection::on_engine!(conn, c => {
                $crate::query::CountPerParent { children: Self::CHILDREN, parents }
                    .load::<($crate::relation::ValueOf<Self>, i64)>(c)?
            });
            rows.into_iter()
                .map(|(parent, count)| {
                    let parent = $crate::query::SqlKey::from_value(parent)
                        .map_err(|reason| $crate::row::corrupt_key(Self::CHILDREN.table, "key", &reason))?;
                    Ok((parent, count))
                })
                .collect()
        }
    };

    // Rows of `$row` belong to the parents of `$many` by `$child.$key`.
    (@belongs $many:ident, $parent:ident, $row:ident, $child:ident . $key:ident) => {
        impl $crate::relation::HasParents for $many {
            type Table = $parent::table;
        }

        impl diesel::associations::BelongsTo<$crate::relation::ParentOf<$many>> for $row {
            type ForeignKey = $crate::relation::ValueOf<$many>;
            type ForeignKeyColumn = $child::$key;

            fn foreign_key(&self) -> Option<&Self::ForeignKey> {
                $crate::sql_types::KeyMember::as_key(&self.$key)
            }

            fn foreign_key_column() -> Self::ForeignKeyColumn {
                // Each name is written once: a wrong one is one error.
                Default::default()
            }
        }
    };
}
pub use map_relations;

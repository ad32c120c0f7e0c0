//! Columns that the database generates for sorting.
//!
//! They are not in `schema.rs`, since they are used only in `ORDER BY` and `WHERE`, and a table of
//! Diesel has at most 16 columns without the feature `32-column-tables`. A test compares them with
//! the migrated databases of both engines.

use diesel::table;

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    books (uid) {
        uid -> Uid,
        published_date_asc -> Integer,
        published_date_desc -> Integer,
        page_count_asc -> Integer,
        page_count_desc -> Integer,
    }
}

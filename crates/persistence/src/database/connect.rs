//! Opening connections and verifying their settings.

use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, RunQueryDsl as _, SqliteConnection};

use super::{DatabaseUrl, Options};
use crate::{Connection, Error, Failure};

/// Opens a connection and verifies its settings.
pub(super) fn connect(url: &DatabaseUrl, options: Options) -> Result<Connection, Error> {
    Ok(match (url.path(), url.conninfo()) {
        (Some(path), _) => sqlite(&path.to_string_lossy(), options)?.into(),
        (None, conninfo) => postgres(conninfo.unwrap_or_default())?.into(),
    })
}

#[derive(diesel::QueryableByName)]
struct Pragma {
    #[diesel(sql_type = Text)]
    value: String,
}

/// `synchronous=FULL` makes commits durable in WAL mode too. Settings are read back, since SQLite
/// ignores unknown ones silently.
fn sqlite(path: &str, options: Options) -> Result<SqliteConnection, Error> {
    let mut conn = SqliteConnection::establish(path).map_err(unavailable)?;
    let busy = options.busy_timeout.as_millis();
    conn.batch_execute(&format!("PRAGMA busy_timeout = {busy}")).map_err(unavailable)?;
    enable_wal(&mut conn, options.busy_timeout)?;
    conn.batch_execute(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536;
         PRAGMA mmap_size = 268435456;",
    )
    .map_err(unavailable)?;
    for (pragma, expected) in [("foreign_keys", "1"), ("journal_mode", "wal"), ("synchronous", "2")]
    {
        let sql = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
        let Pragma { value } = diesel::sql_query(sql).get_result(&mut conn).map_err(unavailable)?;
        if value != expected {
            return Err(unavailable(format!(
                "SQLite has {pragma} = {value}; it must be {expected}"
            )));
        }
    }
    Ok(conn)
}

/// Enables the write-ahead log. If several connections do so at once, some get "database is locked"
/// immediately, in spite of the timeout.
fn enable_wal(conn: &mut SqliteConnection, busy_timeout: Duration) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL").map_err(Error::from) {
            Err(Error::Failure(Failure::Busy)) if since.elapsed() < busy_timeout => {
                sleep(Duration::from_millis(5));
            }
            switched => return switched.map_err(unavailable),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

fn postgres(url: &str) -> Result<PgConnection, Error> {
    let mut conn = PgConnection::establish(url).map_err(unavailable)?;
    conn.batch_execute(
        "SET statement_timeout = '30s'; SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'; SET application_name = 'recto';",
    )
    .map_err(unavailable)?;
    let Encoding { encoding, version } = diesel::sql_query(
        "SELECT current_setting('server_encoding') AS encoding,
                current_setting('server_version_num')::bigint AS version",
    )
    .get_result(&mut conn)
    .map_err(unavailable)?;
    if encoding != "UTF8" {
        return Err(unavailable(format!("the encoding is {encoding}; it must be UTF8")));
    }
    if version < 130_000 {
        return Err(unavailable("PostgreSQL must be version 13 or later"));
    }
    Ok(conn)
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Failure::Unavailable(error.to_string()).into()
}

//! Opening connections and verifying their settings.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, RunQueryDsl as _, SqliteConnection};

use super::{DatabaseUrl, Options, interrupt};
use crate::{Connection, DatabaseFailure, Error};

/// Opens a connection and verifies its settings.
pub(super) fn connect(url: &DatabaseUrl, options: Options) -> Result<Connection, Error> {
    Ok(match (url.path(), url.conninfo()) {
        // An absolute path, since SQLite would take `file:` for a URI.
        (Some(path), _) => {
            let path = std::path::absolute(path).map_err(unavailable)?;
            sqlite(&path.to_string_lossy(), options)?.into()
        }
        (None, conninfo) => postgres(&with_timeouts(conninfo.unwrap_or_default()))?.into(),
    })
}

#[derive(diesel::QueryableByName)]
struct Pragma {
    #[diesel(sql_type = Text)]
    value: String,
}

/// `synchronous=FULL` makes commits durable in WAL mode too. The log is copied to the database once
/// it has 16 MB, not 4: pages that change often are then copied more rarely. Settings are read
/// back, since SQLite ignores unknown ones silently.
fn sqlite(path: &str, options: Options) -> Result<SqliteConnection, Error> {
    interrupt::install();
    let mut conn = SqliteConnection::establish(path).map_err(unavailable)?;
    let busy = options.busy_timeout.as_millis();
    conn.batch_execute(&format!("PRAGMA busy_timeout = {busy}")).map_err(unavailable)?;
    enable_wal(&mut conn, options.busy_timeout)?;
    conn.batch_execute(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA mmap_size = 268435456;
         PRAGMA wal_autocheckpoint = 4096;",
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
            Err(Error::Failure(DatabaseFailure::Busy)) if since.elapsed() < busy_timeout => {
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
        "SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'; SET application_name = 'recto';",
    )
    .map_err(unavailable)?;
    // Timeouts and deadlocks are recognized by their messages. Not every user may set this.
    let _ = conn.batch_execute("SET lc_messages = 'C'");
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

/// libpq's timeouts, for a server that disappears, unless the URL sets them. The last one is in
/// milliseconds, the others in seconds.
const TIMEOUTS: [(&str, u32); 5] = [
    ("connect_timeout", 5),
    ("keepalives_idle", 10),
    ("keepalives_interval", 5),
    ("keepalives_count", 3),
    ("tcp_user_timeout", 15_000),
];

/// Adds timeouts to the URL of a PostgreSQL server.
fn with_timeouts(url: &str) -> String {
    let (_, parameters) = url.split_once('?').unwrap_or((url, ""));
    let names: Vec<&str> =
        parameters.split('&').filter_map(|parameter| parameter.split('=').next()).collect();
    let mut complete = url.trim_end_matches(['?', '&']).to_owned();
    let mut separator = if parameters.is_empty() { '?' } else { '&' };
    for (name, value) in TIMEOUTS {
        if !names.contains(&name) {
            // Writing to a string cannot fail.
            let _ = write!(complete, "{separator}{name}={value}");
            separator = '&';
        }
    }
    complete
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    DatabaseFailure::Unavailable(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_overrides_timeouts() {
        let all = "connect_timeout=5&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=15000";
        for url in ["postgres://a/b", "postgres://a/b?"] {
            assert_eq!(with_timeouts(url), format!("postgres://a/b?{all}"));
        }
        for url in ["postgres://a/b?sslmode=disable", "postgres://a/b?sslmode=disable&"] {
            assert_eq!(with_timeouts(url), format!("postgres://a/b?sslmode=disable&{all}"));
        }
        let set = "postgres://a/b?connect_timeout=2&tcp_user_timeout=1";
        let added = "keepalives_idle=10&keepalives_interval=5&keepalives_count=3";
        assert_eq!(with_timeouts(set), format!("{set}&{added}"));
    }
}

//! One connection, to either engine.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{
    AnsiTransactionManager, Connection as _, InstrumentationEvent, SimpleConnection as _,
    TransactionManager as _, TransactionManagerStatus,
};
use diesel::{PgConnection, SqliteConnection};

use crate::Error;

/// A connection to a database, on one of the two engines.
///
/// Which engine is not to be seen from outside; the queries of this crate are
/// written once and compiled for each.
pub struct Connection {
    #[doc(hidden)]
    pub engine: Engine,
}

/// The engines there are. Public for the macros that are expanded elsewhere.
pub enum Engine {
    /// The embedded one.
    Sqlite(SqliteConnection),
    /// The server.
    Postgres(PgConnection),
}

/// Runs one piece of Diesel code on whichever engine a connection has.
///
/// The code is compiled twice, against the concrete connection types, so all
/// of Diesel is at hand: `on_conflict`, boxed queries, `for_update` and the
/// types that `#[derive(MultiConnection)]` cannot bridge.
#[doc(hidden)]
#[macro_export]
macro_rules! on_engine {
    ($connection:expr, $engine:ident => $code:expr) => {
        match &mut $connection.engine {
            $crate::connection::Engine::Sqlite($engine) => $code,
            $crate::connection::Engine::Postgres($engine) => $code,
        }
    };
}
pub use on_engine;

/// Reads one row so that nobody changes it before the transaction ends.
///
/// `for_update` keeps others from pointing at it too, `for_no_key_update` lets
/// them. SQLite has one writer, whose transaction has the write lock already.
macro_rules! lock_row {
    ($connection:expr, $table:ident, $key:expr, $row:ty) => {
        $crate::connection::lock_row!($connection, $table, $key, $row, for_update)
    };
    ($connection:expr, $table:ident, $key:expr, $row:ty, $strength:ident) => {{
        use diesel::SelectableHelper as _;
        let query = $table::table.find($key);
        match &mut $connection.engine {
            $crate::connection::Engine::Sqlite(c) => {
                query.select(<$row>::as_select()).get_result::<$row>(c)
            }
            $crate::connection::Engine::Postgres(c) => {
                query.select(<$row>::as_select()).$strength().get_result::<$row>(c)
            }
        }
    }};
}
pub(crate) use lock_row;

impl Connection {
    /// Which engine this is, by its URL scheme: `sqlite` or `postgres`.
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// Runs `work` in a transaction that sees one state of the database
    /// throughout, and changes nothing. Within a transaction it is part of that.
    ///
    /// # Errors
    /// What `work` returns; the engine's refusal to begin.
    pub fn snapshot<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.depth() > 0 {
            return work(self);
        }
        self.begin(match self.engine {
            Engine::Sqlite(_) => "BEGIN DEFERRED",
            Engine::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })?;
        self.finish(work)
    }

    /// Runs `work` in a transaction: kept when it succeeds, undone when it
    /// fails. Within a transaction it is a savepoint of that.
    ///
    /// # Errors
    /// What `work` returns; the engine's refusal to begin or commit.
    pub fn transaction<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = self.depth();
        match (&self.engine, depth) {
            // A deferred transaction that turns out to write can find itself
            // unable to, so the write lock is taken first.
            (Engine::Sqlite(_), 0) => self.begin("BEGIN IMMEDIATE")?,
            (Engine::Postgres(_), 0) => self.begin("BEGIN")?,
            _ => self.begin_savepoint()?,
        }
        self.finish(work)
    }

    /// Runs `work` and tells which statements it sent, `BEGIN` and its like
    /// left out.
    pub fn recording<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        let statements = Arc::new(Mutex::new(Vec::new()));
        let recorder = Arc::clone(&statements);
        on_engine!(self, c => c.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let query = query.to_string();
                if !is_transaction_control(&query) {
                    recorder.lock().unwrap_or_else(PoisonError::into_inner).push(query);
                }
            }
        }));
        let result = work(self);
        on_engine!(self, c => c.set_instrumentation(|_: InstrumentationEvent<'_>| {}));
        let statements =
            std::mem::take(&mut *statements.lock().unwrap_or_else(PoisonError::into_inner));
        (result, statements)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub fn ping(&mut self) -> Result<(), Error> {
        on_engine!(self, c => c.batch_execute("SELECT 1"))?;
        Ok(())
    }

    /// How many transactions and savepoints are open.
    pub(crate) fn depth(&mut self) -> u32 {
        fn of(status: &TransactionManagerStatus) -> u32 {
            status.transaction_depth().ok().flatten().map_or(0, NonZeroU32::get)
        }
        on_engine!(self, c => of(AnsiTransactionManager::transaction_manager_status_mut(c)))
    }

    pub(crate) fn begin(&mut self, sql: &str) -> Result<(), Error> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction_sql(c, sql))?;
        Ok(())
    }

    pub(crate) fn begin_savepoint(&mut self) -> Result<(), Error> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction(c))?;
        Ok(())
    }

    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        on_engine!(self, c => AnsiTransactionManager::commit_transaction(c))?;
        Ok(())
    }

    pub(crate) fn roll_back(&mut self) -> Result<(), Error> {
        on_engine!(self, c => AnsiTransactionManager::rollback_transaction(c))?;
        Ok(())
    }

    fn finish<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match work(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => {
                // The first error says more than a failure to undo; the
                // connection is checked before its next use.
                if let Err(also) = self.roll_back() {
                    tracing::warn!(error = %also, "a transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("engine", &self.engine_name()).finish()
    }
}

fn is_transaction_control(query: &str) -> bool {
    ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        .iter()
        .any(|word| query.starts_with(word))
}

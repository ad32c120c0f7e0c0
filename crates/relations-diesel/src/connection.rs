//! A connection to either engine.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{
    AnsiTransactionManager, Connection as _, InstrumentationEvent, SimpleConnection as _,
    TransactionManager as _, TransactionManagerStatus,
};
use diesel::result::Error as DieselError;
use diesel::{PgConnection, RunQueryDsl, SqliteConnection};

use crate::bounds::{Rows, Statement};
use crate::mapping::Mapping;

/// A connection to an SQLite or PostgreSQL database whose tables are mapped by `M`.
///
/// [`load`](Self::load), [`first`](Self::first) and [`execute`](Self::execute) run a query that was
/// built with Diesel's query builder, for either engine.
///
/// All methods return database errors as [`Mapping::Error`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
/// # fn main() -> Result<(), Error> {
/// # let mut conn = connection();
/// use diesel::prelude::*;
/// use recto_relations_diesel::Selected as _;
///
/// let titles: Vec<String> =
///     conn.load(books::table.filter(books::author_id.eq(1)).select(books::title))?;
/// assert_eq!(titles, ["Emma", "Persuasion"]);
/// let author: Option<AuthorRow> =
///     conn.first(authors::table.find(1).select(AuthorRow::selection()))?;
/// assert!(author.is_some());
/// let renamed = conn.execute(
///     diesel::update(books::table.find(7)).set(books::title.eq("Emma, again")),
/// )?;
/// assert_eq!(renamed, 1);
/// # Ok(())
/// # }
/// ```
pub struct Connection<M> {
    inner: Inner,
    mapping: PhantomData<fn() -> M>,
}

enum Inner {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, embedded in the process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// The Diesel connection of a [`Connection`].
pub enum RawConnection<'c> {
    /// To SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// To PostgreSQL.
    Postgres(&'c mut PgConnection),
}

macro_rules! on_engine {
    ($connection:expr, $engine:ident => $code:expr) => {
        match &mut $connection.inner {
            Inner::Sqlite($engine) => $code,
            Inner::Postgres($engine) => $code,
        }
    };
}

impl<M> From<SqliteConnection> for Connection<M> {
    fn from(connection: SqliteConnection) -> Self {
        Self { inner: Inner::Sqlite(connection), mapping: PhantomData }
    }
}

impl<M> From<PgConnection> for Connection<M> {
    fn from(connection: PgConnection) -> Self {
        Self { inner: Inner::Postgres(connection), mapping: PhantomData }
    }
}

impl<M: Mapping> Connection<M> {
    /// Returns the engine.
    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Returns the Diesel connection, for uses other than queries, such as migrations.
    pub fn raw(&mut self) -> RawConnection<'_> {
        match &mut self.inner {
            Inner::Sqlite(connection) => RawConnection::Sqlite(connection),
            Inner::Postgres(connection) => RawConnection::Postgres(connection),
        }
    }

    /// Runs a query and returns all its rows.
    pub fn load<'q, U>(&mut self, query: impl Rows<'q, U>) -> Result<Vec<U>, M::Error> {
        Ok(on_engine!(self, connection => RunQueryDsl::load(query, connection))?)
    }

    /// Runs a query and returns its first row, if any, without adding a `LIMIT`.
    pub fn first<'q, U>(&mut self, query: impl Rows<'q, U>) -> Result<Option<U>, M::Error> {
        match on_engine!(self, connection => RunQueryDsl::get_result(query, connection)) {
            Ok(row) => Ok(Some(row)),
            Err(DieselError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a statement and returns the number of changed rows.
    pub fn execute(&mut self, statement: impl Statement) -> Result<usize, M::Error> {
        Ok(on_engine!(self, connection => RunQueryDsl::execute(statement, connection))?)
    }

    /// Runs SQL statements that are separated by semicolons.
    pub fn execute_batch(&mut self, sql: &str) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => connection.batch_execute(sql))?)
    }

    /// Checks that the database responds.
    pub fn ping(&mut self) -> Result<(), M::Error> {
        self.execute_batch("SELECT 1")
    }

    /// Runs `work`, which must not write, with a consistent view of the database. Within a
    /// transaction, `work` is part of it.
    ///
    /// # Errors
    /// An error of `work` or of the database.
    pub fn snapshot<T, E: From<M::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.transaction_depth() > 0 {
            return work(self);
        }
        self.begin(match self.engine() {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })?;
        self.finish(work)
    }

    /// Runs `work` in a transaction, which is committed on success and rolled back on failure.
    /// Within a transaction this is a savepoint.
    ///
    /// # Errors
    /// An error of `work` or of the database.
    pub fn transaction<T, E: From<M::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.transaction_depth() > 0 {
            self.begin_savepoint()?;
        } else {
            self.begin_write()?;
        }
        self.finish(work)
    }

    /// Runs `work` and returns its result with the statements that it sent, except transaction
    /// control such as `BEGIN`.
    pub fn recording<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        let statements = Arc::new(Mutex::new(Vec::new()));
        let recorder = Arc::clone(&statements);
        on_engine!(self, connection => connection.set_instrumentation(
            move |event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event {
                    let query = query.to_string();
                    if !is_transaction_control(&query) {
                        recorder.lock().unwrap_or_else(PoisonError::into_inner).push(query);
                    }
                }
            }
        ));
        let result = work(self);
        on_engine!(self, connection => {
            connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        });
        let statements =
            std::mem::take(&mut *statements.lock().unwrap_or_else(PoisonError::into_inner));
        (result, statements)
    }

    /// Returns the number of open transactions and savepoints.
    pub fn transaction_depth(&mut self) -> u32 {
        fn depth(status: &TransactionManagerStatus) -> u32 {
            status.transaction_depth().ok().flatten().map_or(0, NonZeroU32::get)
        }
        on_engine!(self, connection => {
            depth(AnsiTransactionManager::transaction_manager_status_mut(connection))
        })
    }

    /// Begins a transaction that writes. On SQLite it acquires the write lock immediately, since a
    /// later attempt could fail.
    pub fn begin_write(&mut self) -> Result<(), M::Error> {
        self.begin(match self.engine() {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        })
    }

    /// Begins a savepoint of the open transaction.
    pub fn begin_savepoint(&mut self) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => AnsiTransactionManager::begin_transaction(connection))?)
    }

    /// Commits the innermost transaction or savepoint.
    pub fn commit(&mut self) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => AnsiTransactionManager::commit_transaction(connection))?)
    }

    /// Rolls back the innermost transaction or savepoint.
    pub fn roll_back(&mut self) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => {
            AnsiTransactionManager::rollback_transaction(connection)
        })?)
    }

    fn begin(&mut self, sql: &str) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => {
            AnsiTransactionManager::begin_transaction_sql(connection, sql)
        })?)
    }

    fn finish<T, E: From<M::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match work(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => {
                // The error of `work` is returned even if the rollback fails and leaves the
                // transaction open, which `transaction_depth` shows.
                let rolled_back = on_engine!(self, connection => {
                    AnsiTransactionManager::rollback_transaction(connection)
                });
                if let Err(error) = rolled_back {
                    tracing::warn!(%error, "failed to roll back a transaction");
                }
                Err(error)
            }
        }
    }
}

impl<M> std::fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        };
        f.debug_struct("Connection").field("engine", &engine).finish()
    }
}

fn is_transaction_control(query: &str) -> bool {
    ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        .iter()
        .any(|word| query.starts_with(word))
}

//! A connection to either engine.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
use diesel::result::Error as DieselError;
use diesel::{PgConnection, RunQueryDsl, SqliteConnection};

use crate::bounds::{Rows, Statement};
use crate::engine::Engine;
use crate::limits::{Timeouts, WorkLimits};
use crate::mapping::Mapping;

/// A connection to an SQLite or PostgreSQL database whose tables are mapped by `M`.
///
/// [`load`](Self::load), [`first`](Self::first) and [`execute`](Self::execute) run a query that was
/// built with Diesel's query builder, for either engine.
///
/// All methods return database errors as [`Mapping::Error`]. Before each statement they check the
/// [`WorkLimits`] of the work.
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
    limits: WorkLimits,
    /// The engine's timeouts as they were last set; `None` if they were not.
    timeouts: Option<Timeouts>,
    /// As [`timeouts`](Self::timeouts), until the transaction ends.
    transaction_timeouts: Option<Timeouts>,
    /// The number of statements that were sent.
    statements: u64,
    mapping: PhantomData<fn() -> M>,
}

enum Inner {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
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

mod transaction;

impl<M> From<SqliteConnection> for Connection<M> {
    fn from(connection: SqliteConnection) -> Self {
        Self::new(Inner::Sqlite(connection))
    }
}

impl<M> From<PgConnection> for Connection<M> {
    fn from(connection: PgConnection) -> Self {
        Self::new(Inner::Postgres(connection))
    }
}

impl<M> Connection<M> {
    fn new(inner: Inner) -> Self {
        Self {
            inner,
            limits: WorkLimits::default(),
            timeouts: None,
            transaction_timeouts: None,
            statements: 0,
            mapping: PhantomData,
        }
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

    /// Sets the limits of the following work.
    pub fn set_limits(&mut self, limits: WorkLimits) {
        self.limits = limits;
    }

    /// Returns the limits.
    pub fn limits(&self) -> &WorkLimits {
        &self.limits
    }

    /// Returns the number of statements that were sent, except transaction control.
    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// Runs a query and returns all its rows.
    pub fn load<'q, U>(&mut self, query: impl Rows<'q, U>) -> Result<Vec<U>, M::Error> {
        self.before_statement()?;
        Ok(on_engine!(self, connection => RunQueryDsl::load(query, connection))?)
    }

    /// Runs a query and returns its first row, if any, without adding a `LIMIT`.
    pub fn first<'q, U>(&mut self, query: impl Rows<'q, U>) -> Result<Option<U>, M::Error> {
        self.before_statement()?;
        match on_engine!(self, connection => RunQueryDsl::get_result(query, connection)) {
            Ok(row) => Ok(Some(row)),
            Err(DieselError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a statement and returns the number of changed rows.
    pub fn execute(&mut self, statement: impl Statement) -> Result<usize, M::Error> {
        self.before_statement()?;
        Ok(on_engine!(self, connection => RunQueryDsl::execute(statement, connection))?)
    }

    /// Runs SQL statements that are separated by semicolons.
    pub fn execute_batch(&mut self, sql: &str) -> Result<(), M::Error> {
        self.before_statement()?;
        Ok(on_engine!(self, connection => connection.batch_execute(sql))?)
    }

    /// Checks that the database responds.
    pub fn ping(&mut self) -> Result<(), M::Error> {
        self.execute_batch("SELECT 1")
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
                    if !is_control(&query) {
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

    /// Checks the limits, and sets the engine's timeouts if they differ much.
    fn before_statement(&mut self) -> Result<(), M::Error> {
        self.check_limits()?;
        self.statements += 1;
        Ok(())
    }

    fn check_limits(&mut self) -> Result<(), DieselError> {
        let remaining = self.limits.check()?;
        let engine = self.engine();
        let current = self.transaction_timeouts.or(self.timeouts);
        let Some(timeouts) = self.limits.timeouts_to_set(engine, current, remaining) else {
            return Ok(());
        };
        let in_transaction = engine == Engine::Postgres && self.transaction_depth() > 0;
        let sql = timeouts.sql(engine, in_transaction);
        on_engine!(self, connection => connection.batch_execute(&sql))?;
        if in_transaction {
            self.transaction_timeouts = Some(timeouts);
        } else {
            self.timeouts = Some(timeouts);
        }
        Ok(())
    }
}

impl<M> std::fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        };
        f.debug_struct("Connection").field("engine", &engine).finish_non_exhaustive()
    }
}

/// Returns whether a statement controls a transaction or sets timeouts.
fn is_control(query: &str) -> bool {
    ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET ", "PRAGMA busy_timeout"]
        .iter()
        .any(|word| query.starts_with(word))
}

//! Transactions and savepoints.

use std::num::NonZeroU32;

use diesel::connection::{
    AnsiTransactionManager, TransactionManager as _, TransactionManagerStatus,
};

use super::{Connection, Engine, Inner};
use crate::mapping::Mapping;

impl<M: Mapping> Connection<M> {
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

    /// Returns the number of open transactions and savepoints.
    pub fn transaction_depth(&mut self) -> u32 {
        fn depth(status: &TransactionManagerStatus) -> u32 {
            status.transaction_depth().ok().flatten().map_or(0, NonZeroU32::get)
        }
        on_engine!(self, connection => {
            depth(AnsiTransactionManager::transaction_manager_status_mut(connection))
        })
    }

    /// Returns whether a transaction is open, or could not be ended.
    pub fn has_open_transaction(&mut self) -> bool {
        on_engine!(self, connection => {
            AnsiTransactionManager::is_broken_transaction_manager(connection)
        })
    }

    /// Begins a transaction that writes. On SQLite it acquires the write lock immediately, since a
    /// later attempt could fail.
    pub fn begin_write(&mut self) -> Result<(), M::Error> {
        self.begin(match self.engine() {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            // A database may have another default level.
            Engine::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        })
    }

    /// Begins a savepoint of the open transaction.
    pub fn begin_savepoint(&mut self) -> Result<(), M::Error> {
        Ok(on_engine!(self, connection => AnsiTransactionManager::begin_transaction(connection))?)
    }

    /// Commits the innermost transaction or savepoint.
    pub fn commit(&mut self) -> Result<(), M::Error> {
        let ended =
            on_engine!(self, connection => AnsiTransactionManager::commit_transaction(connection));
        if self.transaction_depth() == 0 {
            self.transaction_timeouts = None;
        }
        Ok(ended?)
    }

    /// Rolls back the innermost transaction or savepoint.
    pub fn roll_back(&mut self) -> Result<(), M::Error> {
        // Even that of a savepoint restores the timeouts before it.
        self.transaction_timeouts = None;
        Ok(on_engine!(self, connection => {
            AnsiTransactionManager::rollback_transaction(connection)
        })?)
    }

    fn begin(&mut self, sql: &str) -> Result<(), M::Error> {
        self.check_limits()?;
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
                self.transaction_timeouts = None;
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

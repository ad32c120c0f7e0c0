//! The statements that a server sends to its database.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::database::FreshDatabase;

/// Records the statements on all connections to a database, without bound values.
///
/// ```
/// use recto_testkit::database::{Engine, fresh};
/// use recto_testkit::statements::StatementRecorder;
///
/// let database = fresh(Engine::Sqlite).unwrap();
/// let recorder = StatementRecorder::of(&database);
/// database.connection().ping()?;
/// assert!(!recorder.take().is_empty());
/// # Ok::<(), recto_persistence::Error>(())
/// ```
#[derive(Debug)]
pub struct StatementRecorder(Statements);

type Statements = Arc<Mutex<Vec<String>>>;

/// The recorded databases, by a part of their URL.
static RECORDED: LazyLock<Mutex<HashMap<String, Statements>>> = LazyLock::new(Mutex::default);

impl StatementRecorder {
    /// Records the statements on connections that are opened from now on.
    ///
    /// # Panics
    /// If Diesel's instrumentation cannot be set.
    pub fn of(database: &FreshDatabase) -> Self {
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            set_default_instrumentation(|| Some(Box::<Recording>::default()))
                .expect("nothing panics while it sets the instrumentation");
        });
        let statements = Statements::default();
        lock(&RECORDED).insert(database.part_of_url(), statements.clone());
        Self(statements)
    }

    /// Returns the statements since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0))
    }
}

/// The instrumentation of one connection.
#[derive(Default)]
struct Recording(Option<Statements>);

impl Instrumentation for Recording {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                let recorded = lock(&RECORDED);
                let mut found = recorded.iter().filter(|(part, _)| has_part(url, part));
                self.0 = found.next().map(|(_, statements)| statements.clone());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                if let Some(statements) = &self.0 {
                    let query = query.to_string();
                    let sql = query.split(" -- binds:").next().unwrap_or_default();
                    lock(statements).push(sql.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Returns whether a URL contains a name that does not continue.
fn has_part(url: &str, part: &str) -> bool {
    let rest = url.split_once(part).map(|(_, rest)| rest);
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

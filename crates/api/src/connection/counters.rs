//! Counters of connections and of what was refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Declares the reasons of refusals: the name in metrics and the text of the log line.
macro_rules! refusals {
    ($($name:ident $label:literal $text:literal)*) => {
        /// A reason to refuse or to close a connection, a request or a response.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Refusal {
            $(#[doc = $text] $name,)*
        }

        impl Refusal {
            const ALL: &[Self] = &[$(Self::$name),*];

            const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

refusals! {
    TooManyConnections "connections"
        "a connection was closed: there are too many (--max-connections)"
    TooManyOfAddress "connections-per-address"
        "a connection was closed: its IP address has too many (--max-connections-per-address)"
    LateHead "late-head"
        "a connection was closed: the head of a request was not received in time"
    LateBody "late-body"
        "a request was refused: its body was not received in time"
    SlowReader "slow-reader"
        "a connection was closed: the client did not read the response in time"
    RequestBodies "request-bodies"
        "a request was refused: the bodies of requests hold too much memory"
    Responses "responses"
        "a response was refused: the responses under way hold too much memory"
}

/// The state of all connections, and the refusals since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounters {
    /// The open connections.
    pub open: usize,
    /// The bytes that the bodies of requests under way hold. Small bodies are not counted.
    pub request_body_bytes: usize,
    /// The bytes that responses under way hold. Small responses are not counted.
    pub response_bytes: usize,
    /// The refusals since the start, by reason.
    pub refusals: Vec<RefusalCount>,
}

/// The number of refusals for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusalCount {
    /// The reason.
    pub reason: &'static str,
    /// The number since the start.
    pub count: u64,
}

/// The time in which a reason is logged once.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Counts refusals, and logs each reason at most once a minute.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    counts: [AtomicU64; Refusal::ALL.len()],
    logged: Mutex<[Option<Instant>; Refusal::ALL.len()]>,
}

impl RefusalLog {
    /// Counts a refusal.
    pub(super) fn add(&self, refusal: Refusal) {
        let index = refusal as usize;
        let total = self.counts[index].fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged[index].is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            logged[index] = Some(Instant::now());
            drop(logged);
            tracing::warn!(reason = refusal.label(), total, "{}", refusal.text());
        }
    }

    /// Returns the number of refusals by reason.
    pub(super) fn counts(&self) -> Vec<RefusalCount> {
        let count = |(refusal, count): (&Refusal, &AtomicU64)| RefusalCount {
            reason: refusal.label(),
            count: count.load(Ordering::Relaxed),
        };
        Refusal::ALL.iter().zip(&self.counts).map(count).collect()
    }
}

//! The threads of a database, and their end.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crossbeam_channel::{Receiver, Sender, bounded};

/// The threads of a database. Dropping this waits for their end.
#[derive(Debug)]
pub(super) struct Threads {
    ids: Vec<ThreadId>,
    /// Each thread has a clone, and drops it when its connection is closed.
    running: Option<Sender<Infallible>>,
    /// Nothing ever comes out of it; it hangs up when no thread runs any more.
    ended: Receiver<Infallible>,
    /// Held while a connection is closed. Of two that are closed at once, each may take the
    /// other for still being open, and then SQLite leaves its log lying.
    turn: Arc<Mutex<()>>,
}

impl Threads {
    pub(super) fn new() -> Self {
        let (running, ended) = bounded(0);
        Self { ids: Vec::new(), running: Some(running), ended, turn: Arc::default() }
    }

    /// Starts a thread that works with what it is given, and then drops that.
    pub(super) fn spawn<T: Send + 'static>(
        &mut self,
        name: String,
        mut with: T,
        work: impl FnOnce(&mut T) + Send + 'static,
    ) {
        let (running, turn) = (self.running.clone(), self.turn.clone());
        let spawned = thread::Builder::new().name(name).spawn(move || {
            work(&mut with);
            let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            drop(with);
            drop(turn);
            drop(running);
        });
        let spawned =
            spawned.expect("a thread that cannot be started at start-up leaves nothing to run");
        self.ids.push(spawned.thread().id());
    }

    /// Hangs up when all of them have ended.
    pub(super) fn ended(&self) -> Receiver<Infallible> {
        self.ended.clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.running = None;
        // Work may hold the last clone of its own database; its thread cannot wait for itself.
        if !self.ids.contains(&thread::current().id()) {
            // It is always the end that is told.
            let _ = self.ended.recv();
        }
    }
}

//! The threads of a database.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crossbeam_channel::{Receiver, Sender, bounded};

/// The threads of a database. Dropping this value waits until they have ended, except after
/// [`Self::detach`].
#[derive(Debug)]
pub(super) struct Threads {
    ids: Vec<ThreadId>,
    /// Each thread owns a clone, and drops it after closing its connection.
    running: Option<Sender<Infallible>>,
    /// Disconnects when all threads have ended. Nothing is ever sent.
    ended: Receiver<Infallible>,
    /// Locked while a connection is closed. If two close at once, SQLite may take neither for the
    /// last one and not remove its log.
    closing: Arc<Mutex<()>>,
    detached: AtomicBool,
}

impl Threads {
    pub(super) fn new() -> Self {
        let (running, ended) = bounded(0);
        Self {
            ids: Vec::new(),
            running: Some(running),
            ended,
            closing: Arc::default(),
            detached: AtomicBool::new(false),
        }
    }

    /// Starts a thread that runs `work` on `with` and then drops `with`.
    pub(super) fn spawn<T: Send + 'static>(
        &mut self,
        name: String,
        mut with: T,
        work: impl FnOnce(&mut T) + Send + 'static,
    ) {
        let (running, closing) = (self.running.clone(), self.closing.clone());
        let spawned = thread::Builder::new().name(name).spawn(move || {
            work(&mut with);
            let closing = closing.lock().unwrap_or_else(PoisonError::into_inner);
            drop(with);
            drop(closing);
            drop(running);
        });
        let spawned = spawned.expect("threads can be started when the database is opened");
        self.ids.push(spawned.thread().id());
    }

    /// Returns a channel that disconnects when all threads have ended, for the caller to wait in
    /// place of the drop.
    pub(super) fn detach(&self) -> Receiver<Infallible> {
        self.detached.store(true, Ordering::Relaxed);
        self.ended.clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.running = None;
        // Work may own the last clone of its database, and its thread cannot wait for itself.
        let is_own = self.ids.contains(&thread::current().id());
        if !is_own && !self.detached.load(Ordering::Relaxed) {
            // Always an error: the channel is disconnected.
            let _ = self.ended.recv();
        }
    }
}

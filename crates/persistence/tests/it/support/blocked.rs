//! Work that blocks a thread of a database until it is released.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use recto_persistence::{Database, Error};

/// Starts work that blocks a thread until it is released.
pub(crate) fn block(
    database: &Database,
    kind: fn(&Database, Arc<Held>) -> Result<(), Error>,
) -> (thread::JoinHandle<Result<(), Error>>, Arc<Held>) {
    let (begun, has_begun) = channel();
    let (release, released) = channel();
    let held = Arc::new(Held {
        begun: Mutex::new(begun),
        release: Mutex::new(Some(release)),
        released: Mutex::new(released),
    });
    let (database, holder) = (database.clone(), Arc::clone(&held));
    let thread = thread::spawn(move || kind(&database, holder));
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    (thread, held)
}

pub(crate) struct Held {
    begun: Mutex<std::sync::mpsc::Sender<()>>,
    release: Mutex<Option<std::sync::mpsc::Sender<()>>>,
    released: Mutex<Receiver<()>>,
}

impl Held {
    pub(crate) fn hold(&self) {
        let _ = self.begun.lock().unwrap().send(());
        // An error: the sender was dropped.
        let _ = self.released.lock().unwrap().recv();
    }

    pub(crate) fn release(&self) {
        self.release.lock().unwrap().take();
    }
}

pub(crate) fn hold_writer(database: &Database, held: Arc<Held>) -> Result<(), Error> {
    database.write_blocking(move |_| {
        held.hold();
        Ok(())
    })
}

pub(crate) fn hold_reader(database: &Database, held: Arc<Held>) -> Result<(), Error> {
    database.read_blocking(move |_| {
        held.hold();
        Ok(())
    })
}

//! Writing to a database, and checking its health.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use recto_domain::{IdGenerator as _, Tag, TagName};
use recto_persistence::{Database, Error, SystemIds};

/// Creates a tag.
pub(crate) fn add(database: &Database, name: &str) -> Result<(), Error> {
    let tag = Tag::new(SystemIds.new_id(), TagName::parse(name).unwrap());
    database.write_blocking(move |conn| conn.insert(tag.clone())).map(|_| ())
}

/// Checks the health of a database.
pub(crate) fn health(database: &Database) -> Result<(), String> {
    let checking = database.check_health();
    block_on(checking).map_err(|reason| reason.to_string())
}

/// Waits until the health is as expected, since a result is used again for a second.
#[track_caller]
pub(crate) fn expect_health(database: &Database, healthy: bool) -> String {
    let since = Instant::now();
    loop {
        let checked = health(database);
        if checked.is_ok() == healthy {
            return checked.err().unwrap_or_default();
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{checked:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let thread = thread::current();
    let waker = Waker::from(Arc::new(Unpark(thread)));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

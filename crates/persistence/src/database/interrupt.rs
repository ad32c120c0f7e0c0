//! Interrupting a long statement on SQLite, for which it has no timeout.
//!
//! SQLite calls a progress handler while it executes a statement. The handler of every connection
//! asks the [`WorkLimits`] of the work that runs on the same thread.

#![expect(unsafe_code, reason = "Diesel has no function for SQLite's progress handler")]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Once;

use libsqlite3_sys::{
    SQLITE_OK, sqlite3, sqlite3_api_routines, sqlite3_auto_extension, sqlite3_progress_handler,
};
use recto_relations_diesel::WorkLimits;

/// The number of instructions of SQLite's virtual machine between two calls of the handler, less
/// than a millisecond.
const INSTRUCTIONS: c_int = 10_000;

thread_local! {
    static LIMITS: RefCell<WorkLimits> = RefCell::default();
}

/// Runs `work`, whose statements are interrupted when it must stop.
pub(super) fn with_limits<T>(limits: WorkLimits, work: impl FnOnce() -> T) -> T {
    LIMITS.replace(limits);
    let result = work();
    LIMITS.take();
    result
}

/// Makes the statements of all connections that are opened later interruptible.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: `on_open` has the signature of an extension's entry point, and is never unloaded.
        let code = unsafe { sqlite3_auto_extension(Some(on_open)) };
        if code != SQLITE_OK {
            tracing::warn!(code, "long statements will not be interrupted");
        }
    });
}

/// Sets the progress handler of a new connection.
///
/// # Safety
/// To be called by SQLite only, which passes an open connection.
unsafe extern "C" fn on_open(
    connection: *mut sqlite3,
    _error: *mut *mut c_char,
    _api: *const sqlite3_api_routines,
) -> c_int {
    // SAFETY: the connection is open, and `must_stop` ignores its argument.
    unsafe {
        sqlite3_progress_handler(connection, INSTRUCTIONS, Some(must_stop), ptr::null_mut());
    }
    SQLITE_OK
}

/// Returns 1 if the work on this thread must stop. It does not panic.
extern "C" fn must_stop(_: *mut c_void) -> c_int {
    let stop = LIMITS.try_with(|limits| limits.try_borrow().is_ok_and(|l| l.check().is_err()));
    c_int::from(stop.unwrap_or(false))
}

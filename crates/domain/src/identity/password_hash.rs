//! Hashes of passwords.

use std::fmt;

/// The hash of a password, as a PHC string. `Debug` leaves it out.
#[derive(Clone)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

//! The room `identity`: who is calling.

mod account;
mod common;
mod email;
mod password;

pub use account::{Account, Login, Role, RoleChange, SignUp};
pub use email::Email;
pub use password::{Password, PasswordAttempt};

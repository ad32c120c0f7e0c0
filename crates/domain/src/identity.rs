//! The module `identity`: accounts, sessions, API keys, mails and the audit log.

mod account;
mod audit;
mod common_passwords;
mod deletion;
mod email;
mod key;
mod mail;
mod password;
mod password_change;
mod password_hash;
mod quota;
mod secret;
mod session;

pub use account::{Account, Disabling, Login, Role, RoleChange, SignUp, SignedInUser};
pub use audit::{AuditAction, AuditDetail, AuditEntry, AuditRequestId};
pub use deletion::{AccountDeletion, ReviewsOnDeletion};
pub use email::Email;
pub use key::{ApiKey, ApiKeyCreated, ApiKeyName, NewApiKey, Scope, Scopes};
pub use mail::{
    EmailChange, EmailConfirmation, EmailRequest, MailDetail, MailKind, MailedPurpose,
    Verification, VerificationRejection,
};
pub use password::{Password, PasswordAttempt};
pub use password_change::{PasswordChange, PasswordReset};
pub use password_hash::PasswordHash;
pub use quota::QuotaItem;
pub use secret::{Secret, SecretHash};
pub use session::{Device, DeviceFingerprint, Refresh, Session, UserAgent};

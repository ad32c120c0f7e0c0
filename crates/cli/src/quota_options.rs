//! The options of `recto serve` for the quotas of accounts.

use std::num::NonZeroU32;

use clap::Args;
use recto_identity::quota::Quotas;

use crate::switch::Switch;

/// The quotas of accounts.
#[derive(Debug, Args)]
pub(crate) struct QuotaOptions {
    /// Whether accounts have quotas, except those of administrators
    #[arg(long, value_name = "SWITCH", value_enum, default_value = "on")]
    pub(crate) quotas: Switch,

    /// Books that an account may own
    #[arg(long, value_name = "N", default_value = "10000")]
    pub(crate) quota_books: u32,

    /// Reviews that an account may write
    #[arg(long, value_name = "N", default_value = "50000")]
    pub(crate) quota_reviews: u32,

    /// Tags that an account may create
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) quota_tags: u32,

    /// Authors that an account may create
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) quota_authors: u32,

    /// API keys of an account
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) quota_api_keys: u32,

    /// Sessions of an account; a further one ends the oldest
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) quota_sessions: NonZeroU32,

    /// Posts, comments, students, courses, companies, departments and employees that an account may
    /// create within 24 hours
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) quota_creations: u32,

    /// Writes allowed at once by an account; then ten a second
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) quota_write_burst: NonZeroU32,
}

impl QuotaOptions {
    /// Returns the quotas, unless they are off.
    pub(crate) fn quotas(&self) -> Option<Quotas> {
        if self.quotas == Switch::Off {
            return None;
        }
        Some(Quotas {
            books: self.quota_books,
            reviews: self.quota_reviews,
            tags: self.quota_tags,
            authors: self.quota_authors,
            api_keys: self.quota_api_keys,
            sessions: self.quota_sessions.get(),
            creations: self.quota_creations,
            writes: Quotas::default().writes.with_burst(self.quota_write_burst),
        })
    }
}

//! Options that are on or off.

use clap::ValueEnum;

/// Whether a feature is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Enabled
    #[value(aliases = ["true", "yes", "1"])]
    On,
    /// Disabled
    #[value(aliases = ["false", "no", "0"])]
    Off,
}

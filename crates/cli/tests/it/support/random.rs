//! Numbers that tests take from the environment or choose at random.

/// Returns the number in an environment variable.
pub(crate) fn number_from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{name}={value}: {error}")))
}

/// Returns the seed in an environment variable, or a random one.
pub(crate) fn seed(variable: &str) -> u64 {
    number_from_environment(variable).unwrap_or_else(|| fastrand::u64(..))
}

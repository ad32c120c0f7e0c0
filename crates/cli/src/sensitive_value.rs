//! Option values that error messages must not repeat.

use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Parses a `T`. The error contains the reason but not the text, which may contain a password or a
/// key.
pub(crate) struct SensitiveValueParser<T>(PhantomData<fn() -> T>);

impl<T> SensitiveValueParser<T> {
    /// Creates the parser for an option's `value_parser`.
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for SensitiveValueParser<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> TypedValueParser for SensitiveValueParser<T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: fmt::Display,
{
    type Value = T;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let parsed = match value.to_str() {
            Some(text) => text.parse().map_err(|reason: T::Err| reason.to_string()),
            None => Err("must be UTF-8".to_owned()),
        };
        parsed.map_err(|reason| {
            let option = arg.map(Arg::to_string).unwrap_or_default();
            let message = format!("invalid value for '{option}': {reason}\n");
            let mut error = Error::raw(ErrorKind::ValueValidation, message).with_cmd(cmd);
            error.insert(ContextKind::Custom, ContextValue::String(reason));
            error
        })
    }
}

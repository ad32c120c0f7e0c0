//! The program, run as a process: its output, its exit codes and its files.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod crash;
mod examples;
mod faults;
mod guide;
mod import;
mod log;
mod mail;
mod migrate;
#[cfg(target_os = "linux")]
mod power_loss;
mod readme;
mod retries;
mod schema;
mod screenshots;
mod serve;
mod settings;
mod shutdown;
mod support;
mod user;

//! The program `recto`: serves the REST API, migrates the database, imports catalogues, creates
//! accounts, and prints the OpenAPI document and the schema.

mod cli;
mod commands;
mod database;
mod demo;
mod import;
mod listen_address;
mod log;
mod public_url;
mod quota_options;
mod secret_strength;
mod sensitive_value;
mod server_secret;
mod settings;
mod switch;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use settings::ProcessContext;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let settings = match settings::read(&ProcessContext::of_process()) {
        Ok(settings) => settings,
        Err(error) => return error.report(),
    };
    for warning in &settings.warnings {
        log::print(format_args!("warning: {warning}"));
    }
    let shared = &settings.cli.shared;
    if let Err(error) = log::start(&shared.log, shared.log_format) {
        log::print(format_args!("error: the log cannot be started: {error}"));
        return ExitCode::FAILURE;
    }
    let result = commands::run(settings.cli);
    if let Err(error) = &result {
        log::print(format_args!("error: {error}"));
    }
    log::finish();
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

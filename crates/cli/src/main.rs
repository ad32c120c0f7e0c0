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
mod sensitive_value;
mod server_secret;
mod settings;

use std::process::ExitCode;

use settings::ProcessContext;

fn main() -> ExitCode {
    let settings = match settings::read(&ProcessContext::of_process()) {
        Ok(settings) => settings,
        Err(error) => return error.report(),
    };
    for warning in &settings.warnings {
        eprintln!("warning: {warning}");
    }
    let shared = &settings.cli.shared;
    log::start(&shared.log, shared.log_format);
    match commands::run(settings.cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

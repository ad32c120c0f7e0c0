//! Tests of all sources together.

use std::fs;
use std::path::Path;

use super::*;
use crate::cli::ServeOptions;
use crate::log::LogFormat;

const LONG_SECRET: &str = "6f1d0c5be2a94b7f8e03d1c2a5b69788";

fn context(arguments: &[&str], environment: &[(&str, &str)], directory: &Path) -> ProcessContext {
    ProcessContext {
        arguments: ["recto"].iter().chain(arguments).map(Into::into).collect(),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        directory: directory.to_owned(),
    }
}

fn settings(
    arguments: &[&str],
    environment: &[(&str, &str)],
    file: &str,
) -> Result<LoadedSettings, SettingsError> {
    let directory = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        fs::write(directory.path().join(DEFAULT_FILE), file).unwrap();
    }
    read(&context(arguments, environment, directory.path()))
}

fn serve(settings: LoadedSettings) -> ServeOptions {
    match settings.cli.command {
        cli::Command::Serve(options) => *options,
        other => panic!("expected serve, got {other:?}"),
    }
}

fn invalid_settings(error: SettingsError) -> String {
    match error {
        SettingsError::Invalid(_) => error.to_string(),
        SettingsError::Arguments(error) => panic!("expected invalid settings, got {error}"),
    }
}

fn argument_error(result: Result<LoadedSettings, SettingsError>) -> clap::Error {
    match result {
        Err(SettingsError::Arguments(error)) => error,
        other => panic!("expected invalid arguments, got {other:?}"),
    }
}

#[test]
fn command_definitions_are_valid() {
    described(Cli::command()).debug_assert();
}

#[test]
fn defaults_apply_without_sources() {
    let settings = settings(&["serve"], &[], "").unwrap();
    assert!(settings.warnings.is_empty());
    assert_eq!(settings.cli.shared.database_url.to_string(), "sqlite:recto.db");
    assert_eq!(settings.cli.shared.log_format, LogFormat::Text);
    let options = serve(settings);
    assert_eq!(options.listen.to_string(), "127.0.0.1:8080");
    assert!(!options.demo && !options.migrate && options.secret.is_none());
}

#[test]
fn flag_beats_environment_beats_file() {
    let file = "listen = '127.0.0.1:1'\nlog_format = 'json'\nworkers = 2\nmigrate = true\n";
    let variables = [("RECTO_LISTEN", "127.0.0.1:2"), ("RECTO_WORKERS", "3")];
    let settings = settings(&["serve", "--listen", "127.0.0.1:3"], &variables, file).unwrap();
    assert_eq!(settings.cli.shared.log_format, LogFormat::Json);
    let options = serve(settings);
    assert_eq!(options.listen.to_string(), "127.0.0.1:3");
    assert_eq!(options.workers, Some(3));
    assert!(options.migrate);
}

#[test]
fn shared_options_may_follow_the_command() {
    for arguments in
        [["--database-url", "sqlite:a.db", "serve"], ["serve", "--database-url", "sqlite:a.db"]]
    {
        let variables = [("RECTO_DATABASE_URL", "sqlite:b.db")];
        let settings = settings(&arguments, &variables, "").unwrap();
        assert_eq!(settings.cli.shared.database_url.to_string(), "sqlite:a.db");
    }
}

#[test]
fn environment_supplies_required_options() {
    let variables = [("RECTO_USERNAME", "ada"), ("RECTO_EMAIL", "ada@example.org")];
    assert!(settings(&["user", "create", "--admin"], &variables, "").is_ok());
    let error = argument_error(settings(&["user", "create"], &variables[..1], ""));
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
    assert!(error.to_string().contains("--email"));
}

#[test]
fn empty_variable_counts_as_unset() {
    let options = serve(settings(&["serve"], &[("RECTO_WORKERS", "")], "workers = 4").unwrap());
    assert_eq!(options.workers, Some(4));
}

#[test]
fn unknown_variable_is_a_warning() {
    let variables = [("RECTO_LISTN", "x"), ("RECTO_REQUIRE_POSTGRES", "1"), ("OTHER", "x")];
    let settings = settings(&["serve"], &variables, "").unwrap();
    assert_eq!(settings.warnings.len(), 1);
    assert!(settings.warnings[0].starts_with("RECTO_LISTN: "));
}

#[test]
fn invalid_unused_variable_is_an_error() {
    let variables = [("RECTO_LISTEN", "nowhere"), ("RECTO_SECRET", "short")];
    let text = invalid_settings(settings(&["migrate"], &variables, "").unwrap_err());
    assert!(text.contains("RECTO_LISTEN: invalid value `nowhere`"), "{text}");
    assert!(text.contains("RECTO_SECRET: invalid value: ") && !text.contains("short"), "{text}");
}

#[test]
fn invalid_file_is_reported_by_line() {
    let file = "# settings\nlistn = 'x'\nworkers = 'many'\n\nlog = 1.5\n[serve]\ndemo = true\n";
    let text = invalid_settings(settings(&["serve"], &[], file).unwrap_err());
    assert!(
        text.contains("recto.toml:2: listn: unknown key; the known ones are admin, "),
        "{text}"
    );
    assert!(text.contains("recto.toml:3: workers: invalid value `many`"), "{text}");
    assert!(text.contains("recto.toml:5: log: must be a string"), "{text}");
    assert!(text.contains("recto.toml:6: serve: unknown key"), "{text}");

    let text = invalid_settings(settings(&["serve"], &[], "demo = true\nlisten = \n").unwrap_err());
    assert!(text.contains("recto.toml:2: "), "{text}");
}

#[test]
fn file_key_may_use_hyphens() {
    let options = serve(settings(&["serve"], &[], "database-connections = 7").unwrap());
    assert_eq!(options.database_connections, Some(7));
    let twice = "database-connections = 7\ndatabase_connections = 8";
    let text = invalid_settings(settings(&["serve"], &[], twice).unwrap_err());
    assert!(text.contains(":2: ") && text.contains("set twice"), "{text}");
}

#[test]
fn named_file_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.toml");
    fs::write(&path, format!("secret = '{LONG_SECRET}'")).unwrap();
    let path = path.to_str().unwrap();
    for arguments in [["--config", path, "serve"], ["serve", "--config", path]] {
        assert!(serve(settings(&arguments, &[], "unknown = 1").unwrap()).secret.is_some());
    }
    let variables = [("RECTO_CONFIG", path)];
    assert!(serve(settings(&["serve"], &variables, "").unwrap()).secret.is_some());
    let text =
        invalid_settings(settings(&["serve", "--config", "missing.toml"], &[], "").unwrap_err());
    assert!(text.contains("missing.toml: the settings file cannot be read"), "{text}");
}

#[test]
fn unknown_flags_and_values_are_named() {
    let error = argument_error(settings(&["serve", "--listn", "x"], &[], ""));
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--listn"));
    let error = argument_error(settings(&["serve", "--listen", "nowhere"], &[], ""));
    assert!(error.to_string().contains("--listen <HOST:PORT>"));
    let error = argument_error(settings(&["serve", "--secret", "hunter2"], &[], ""));
    assert!(error.to_string().contains("--secret") && !error.to_string().contains("hunter2"));
}

#[test]
fn help_names_sources_without_values() {
    let variables = [("RECTO_SECRET", LONG_SECRET)];
    let error = argument_error(settings(&["serve", "--help"], &variables, ""));
    assert_eq!(error.exit_code(), 0);
    let help = error.to_string();
    for part in ["--listen <HOST:PORT>", "RECTO_LISTEN", "[file: listen]", "127.0.0.1:8080"] {
        assert!(help.contains(part), "no {part} in {help}");
    }
    assert!(!help.contains(LONG_SECRET));
}

#[test]
fn documented_file_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let documentation = fs::read_to_string(path).unwrap();
    let (_, rest) = documentation.split_once("```toml\n").unwrap();
    let (file, _) = rest.split_once("```").unwrap();
    let settings = settings(&["serve"], &[], file).unwrap();
    assert_eq!(settings.cli.shared.log_format, LogFormat::Json);
    assert_eq!(serve(settings).workers, Some(4));
}

#[test]
fn demo_refuses_a_database_flag() {
    let arguments = ["serve", "--demo", "--database-url", "sqlite:a.db"];
    let error = argument_error(settings(&arguments, &[], ""));
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    let variables = [("RECTO_DATABASE_URL", "sqlite:b.db")];
    assert!(settings(&["serve", "--demo"], &variables, "").is_ok());
}

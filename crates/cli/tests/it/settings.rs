//! The sources of settings, and invalid settings.

use std::fs;

use crate::support::program::{Program, small_data_set};

#[test]
fn help_and_version_go_to_stdout() {
    let program = Program::new();
    let help = program.run(&["--help"]).succeeded();
    for command in ["serve", "migrate", "import", "user", "openapi", "schema"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(program.run(&["--version"]).succeeded().starts_with("recto "));
    for command in [
        &["serve", "--help"][..],
        &["migrate", "status", "--help"],
        &["import", "goodbooks", "--help"],
        &["user", "create", "--help"],
    ] {
        let help = program.run(command).succeeded();
        assert!(help.contains("RECTO_DATABASE_URL"), "{help}");
    }
    assert!(program.files().is_empty());
}

#[test]
fn unknown_input_is_refused_before_start() {
    let program = Program::new();
    assert!(program.run(&[]).failed(2).contains("Usage"));
    assert!(program.run(&["serve", "--listn", "x"]).failed(2).contains("--listn"));
    assert!(program.run(&["sevre"]).failed(2).contains("sevre"));
    assert!(program.run(&["serve", "--workers", "0"]).failed(2).contains("--workers"));
    let error = program.run(&["serve", "--database-url", "mysql://me:hidden@h/n"]).failed(2);
    assert!(error.contains("--database-url") && !error.contains("hidden"), "{error}");

    fs::write(program.path("recto.toml"), "listen = '127.0.0.1:0'\nlistn = 1\n").unwrap();
    assert!(program.run(&["migrate"]).failed(2).contains("recto.toml:2: listn: unknown key"));
    assert_eq!(program.files(), ["recto.toml"]);
}

#[test]
fn unknown_variable_warns_invalid_value_fails() {
    let program =
        Program::new().with("RECTO_DATABASE_ULR", "x").with("RECTO_REQUIRE_POSTGRES", "1");
    let ended = program.run(&["migrate", "status"]);
    assert!(ended.stderr.starts_with("warning: RECTO_DATABASE_ULR: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
    ended.succeeded();

    let error = Program::new().with("RECTO_LOG_FORMAT", "xml").run(&["migrate"]).failed(2);
    assert!(error.contains("RECTO_LOG_FORMAT: invalid value `xml`"), "{error}");
}

#[test]
fn flag_beats_environment_beats_file() {
    let program = Program::new();
    fs::write(program.path("recto.toml"), "database_url = 'sqlite:file.db'\n").unwrap();
    program.run(&["migrate"]).succeeded();
    let program = program.with("RECTO_DATABASE_URL", "sqlite:variable.db");
    program.run(&["migrate"]).succeeded();
    program.run(&["migrate", "--database-url", "sqlite:flag.db"]).succeeded();
    assert_eq!(program.files(), ["file.db", "flag.db", "recto.toml", "variable.db"]);
}

#[test]
fn logs_go_to_stderr_as_configured() {
    let program = Program::new();
    let import = ["import", "goodbooks", small_data_set().to_str().unwrap()].map(str::to_owned);
    let import: Vec<&str> = import.iter().map(String::as_str).collect();
    let ended = program.run(&[&import[..], &["--log-format", "json"]].concat());
    let first = ended.stderr.lines().next().unwrap();
    let event: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(
        (&event["level"], &event["message"]),
        (&"INFO".into(), &"applied a migration".into())
    );
    ended.succeeded();

    let ended = Program::new().run(&[&import[..], &["--log", "off"]].concat());
    assert!(!ended.stderr.contains("applied"), "{}", ended.stderr);
}

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
fn passwords_of_urls_are_not_shown() {
    for url in [
        "postgres://me:hunter2",
        "postgres://me:hunter2/recto",
        "postgres://me:hun@hunter2@127.0.0.1:1/recto",
        "postgres://me:hun/hunter2@127.0.0.1:1/recto",
        "postgres://me:hun?hunter2@127.0.0.1:1/recto",
        "postgres://me:hun%hunter2@127.0.0.1:1/recto",
        "postgres://me:hun%00hunter2@127.0.0.1:1/recto",
        "postgres://me:hun hunter2@127.0.0.1:1/recto",
        "postgres://me@127.0.0.1:hunter2/recto",
        "postgres://127.0.0.1:1/recto?hunter2",
        "postgres://127.0.0.1:1/recto?password=hun=hunter2",
        "postgres://127.0.0.1:1/recto?passwort=hunter2",
        "postgres://me:hunter2@127.0.0.1:1/recto",
        "postgres://me:hunter2@127.0.0.1:1/recto?sslmode=wrong",
        "POSTGRES://me:hunter2@127.0.0.1:1/recto?connect_timeout=1&password=hunter2",
        "postgresql:me:hunter2@127.0.0.1/recto",
        "mysql://me:hunter2@127.0.0.1/recto",
        "me:hunter2@127.0.0.1/recto",
    ] {
        let secret = "6f1d0c5be2a94b7f8e03d1c2a5b69788";
        let file = Program::new();
        fs::write(file.path("recto.toml"), format!("database_url = '{url}'\n")).unwrap();
        let variable = Program::new().with("RECTO_DATABASE_URL", url);
        let all = ["serve", "--log", "trace", "--secret", secret];
        for ended in [
            Program::new().run(&[&all[..], &["--database-url", url]].concat()),
            Program::new().run(&["migrate", "status", url]),
            Program::new().run(&["migrate", &format!("--database-ulr={url}")]),
            variable.run(&all),
            file.run(&all),
        ] {
            assert!(matches!(ended.code, Some(1 | 2)), "{url}: {}", ended.stderr);
            let shown = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!shown.contains("hunter2"), "{url}: {shown}");
        }
    }
}

#[test]
fn smtp_url_password_is_not_shown() {
    for url in [
        "smtps://me:hunter2@",
        "smtps://me:hunter2@mail.example:port",
        "smtp://me:hunter2@mail.example",
        "smtps://me:hun@hunter2@mail.example?x",
        "smtp:me:hunter2@mail.example",
        "me:hunter2@mail.example",
    ] {
        let error = Program::new().with("RECTO_SMTP_URL", url).run(&["serve"]).failed(2);
        assert!(error.contains("RECTO_SMTP_URL") && !error.contains("hunter2"), "{url}: {error}");
        let error = Program::new().run(&["serve", "--smtp-url", url]).failed(2);
        assert!(!error.contains("hunter2"), "{url}: {error}");
    }
}

#[test]
fn guessable_secret_fails_or_warns() {
    let repeated = "0123456789abcdef0123456789abcdef";
    let error = Program::new().with("RECTO_SECRET", repeated).run(&["serve"]).failed(2);
    assert!(error.contains("RECTO_SECRET") && error.contains("must be random"), "{error}");
    assert!(!error.contains(repeated), "{error}");
    let log = |secret: &str| {
        let program = Program::new().with("RECTO_SECRET", secret);
        let mut server = program.serve(&[]);
        server.address();
        server.signal("TERM");
        server.wait().stderr
    };
    assert!(log("a secret of more than thirty-two bytes").contains("consists of words"));
    assert!(!log("6f1d0c5be2a94b7f8e03d1c2a5b69788").contains("consists of words"));
}

#[test]
fn missing_public_url_is_warned_about() {
    let log = |arguments: &[&str]| {
        let program = Program::new();
        let mut server = program.serve(arguments);
        server.address();
        server.signal("TERM");
        server.wait().stderr
    };
    let public = ["--listen", "0.0.0.0:0"];
    assert!(log(&public).contains("RECTO_PUBLIC_URL is not set"));
    let url = ["--public-url", "https://books.example"];
    assert!(!log(&[public, url].concat()).contains("RECTO_PUBLIC_URL"));
    assert!(!log(&[]).contains("RECTO_PUBLIC_URL"));
}

#[cfg(unix)]
#[test]
fn readable_secrets_are_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;

    let warning = "other users can read the secrets in this file";
    for (content, mode, warned) in [
        ("secret = '6f1d0c5be2a94b7f8e03d1c2a5b69788'", 0o644, true),
        ("secret = '6f1d0c5be2a94b7f8e03d1c2a5b69788'", 0o640, true),
        ("secret = '6f1d0c5be2a94b7f8e03d1c2a5b69788'", 0o600, false),
        ("smtp_url = 'smtps://me:hunter2@mail.example'", 0o644, true),
        ("smtp_url = 'smtp://mail.example'", 0o644, false),
        ("database_url = 'sqlite:recto.db'", 0o644, false),
    ] {
        let program = Program::new();
        let file = program.path("recto.toml");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let ended = program.run(&["migrate"]);
        assert_eq!(ended.stderr.contains(warning), warned, "{content} {mode:o}: {}", ended.stderr);
    }
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

//! `recto user create`.

use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, bare};
use serde_json::json;

use crate::support::program::{Program, RunResult};

both_engines!(account_is_created_or_nothing);

fn create(program: &Program, username: &str, email: &str, password: &str) -> RunResult {
    let flags = ["--username", username, "--email", email, "--password-stdin"];
    program.run_with_input(&[&["user", "create"], &flags[..]].concat(), password)
}

fn counts(database: &FreshDatabase) -> (serde_json::Value, serde_json::Value) {
    let count = |table: &str| {
        database.rows(&format!("SELECT CAST(count(*) AS TEXT) AS line FROM {table}")).remove(0)
    };
    (count("users"), count("accounts"))
}

fn account_is_created_or_nothing(database: &FreshDatabase) {
    let program = Program::on(database);
    let created = create(&program, "Ada", "ada@example.org", "correct horse\nnot this\n");
    assert_eq!(created.stderr, "created account Ada <ada@example.org>, role user\n");
    assert_eq!(created.succeeded(), "");
    assert_eq!(counts(database), (1.into(), 1.into()));

    let taken = create(&program, "ADA", "other@example.org", "correct horse\n").failed(1);
    assert!(taken.contains("the username is taken"), "{taken}");
    let taken = create(&program, "grace", "ADA@example.org", "correct horse\n").failed(1);
    assert!(taken.contains("the e-mail address is taken"), "{taken}");
    assert_eq!(counts(database), (1.into(), 1.into()));

    let flags = ["--username", "root", "--email", "root@example.org", "--admin"];
    let arguments = [&["user", "create", "--password-stdin"], &flags[..]].concat();
    let created = program.run_with_input(&arguments, "correct horse\r\n");
    assert!(created.stderr.ends_with("role admin\n"), "{}", created.stderr);
    created.succeeded();
    let admins = "SELECT CAST(count(*) AS TEXT) AS line FROM accounts \
                  WHERE role = 'admin' AND CAST(verified AS INTEGER) = 1 \
                  AND password_hash LIKE '$argon2id$%'";
    assert_eq!(database.rows(admins), [1]);
    let audited = "SELECT json_array(action, detail) AS line FROM audit ORDER BY uid";
    let audited = match database.engine() {
        Engine::Sqlite => audited.to_owned(),
        Engine::Postgres => {
            audited.replace("json_array(action, detail)", "json_build_array(action, detail)::text")
        }
    };
    let entry = |role: &str| json!(["account.created", format!("command line, role {role}")]);
    assert_eq!(database.rows(&audited), [entry("user"), entry("admin")]);
}

#[test]
fn only_embedded_database_is_migrated() {
    let database = bare(Engine::Sqlite).unwrap();
    create(&Program::on(&database), "ada", "ada@example.org", "correct horse\n").succeeded();
    assert_eq!(counts(&database), (1.into(), 1.into()));

    let Some(database) = bare(Engine::Postgres) else { return };
    let program = Program::on(&database);
    let error = create(&program, "ada", "ada@example.org", "correct horse\n").failed(1);
    assert!(error.contains("has not been migrated") && error.contains("recto migrate"), "{error}");
}

#[test]
fn invalid_values_name_field_and_rule() {
    let program = Program::new();
    let error = create(&program, "a b", "ada@example.org", "correct horse\n").failed(2);
    assert!(error.contains("--username") && error.contains("must contain only letters"), "{error}");
    let error = create(&program, "ada", "ada", "correct horse\n").failed(2);
    assert!(error.contains("--email") && error.contains("must be an e-mail address"), "{error}");
    let error = program.run(&["user", "create", "--username", "ada"]).failed(2);
    assert!(error.contains("--email"), "{error}");
    assert!(program.files().is_empty());

    let error = create(&program, "ada", "ada@example.org", "horse\n");
    assert!(!error.stderr.contains("horse"));
    assert!(error.failed(1).contains("the password must have at least 8 characters"));
    let error = create(&program, "ada", "ada@example.org", "").failed(1);
    assert!(error.contains("the password must"), "{error}");
    for (password, rule) in [
        ("password123\n", "must not be a common password"),
        ("LoveLace1815\n", "must not contain the user's name"),
        ("the.countess now\n", "must not contain the e-mail address"),
    ] {
        let error = create(&program, "lovelace", "the.countess@example.org", password).failed(1);
        assert!(error.contains(&format!("the password {rule}")), "{error}");
        assert!(!error.contains(password.trim()), "{error}");
    }
    create(&program, "lovelace", "the.countess@example.org", "correct horse\n").succeeded();
}

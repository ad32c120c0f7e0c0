//! `recto migrate`.

use recto_testkit::database::{Engine, FreshDatabase, bare};

use crate::support::program::{Program, RunResult, small_data_set};

const NAMES: [&str; 14] = [
    "2026-11-22-000001_catalog",
    "2026-11-22-000002_identity",
    "2026-11-22-000003_blog",
    "2026-11-22-000004_school",
    "2026-11-22-000005_org",
    "2026-11-22-000006_contributors",
    "2026-11-22-000007_sessions",
    "2026-11-28-000001_account_mails",
    "2026-11-28-000002_account_rules",
    "2026-11-28-000003_quotas",
    "2026-11-29-000001_versions",
    "2026-11-29-000002_idempotency_keys",
    "2026-11-30-000001_token_pair_states",
    "2026-11-30-000002_idempotency_key_claims",
];

/// Declares two tests for each function of a database without a schema.
macro_rules! on_bare_databases {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[test]
            fn sqlite() {
                super::$name(&bare(Engine::Sqlite).unwrap());
            }

            #[test]
            fn postgres() {
                if let Some(database) = bare(Engine::Postgres) {
                    super::$name(&database);
                }
            }
        }
    )+};
}

on_bare_databases!(
    migrations_are_applied_listed_and_reverted,
    concurrent_runs_apply_migrations_once,
    newer_database_is_refused,
);

/// Returns the output of `status` after this many migrations.
fn lines(applied: usize) -> String {
    let status = |index| if index < applied { "applied" } else { "pending" };
    let lines = NAMES.iter().enumerate();
    let lines = lines.map(|(index, name)| format!("{} {name}\n", status(index)));
    lines.collect::<Vec<_>>().concat()
}

fn migrations_are_applied_listed_and_reverted(database: &FreshDatabase) {
    let program = Program::on(database);
    let migrate = |action: &[&str]| program.run(&[&["migrate"], action].concat());
    let all = NAMES.len();
    assert_eq!(migrate(&["status"]).succeeded(), lines(0));
    assert_eq!(migrate(&[]).succeeded(), lines(all));
    assert_eq!(migrate(&[]).succeeded(), "nothing to apply\n");
    assert_eq!(migrate(&["status"]).succeeded(), lines(all));
    for (left, name) in NAMES.iter().enumerate().rev() {
        assert_eq!(migrate(&["revert"]).succeeded(), format!("reverted {name}\n"));
        assert_eq!(migrate(&["status"]).succeeded(), lines(left));
    }
    let error = migrate(&["revert"]).failed(1);
    assert!(error.contains("there is none to revert"), "{error}");
    assert_eq!(migrate(&[]).succeeded(), lines(all));
}

fn concurrent_runs_apply_migrations_once(database: &FreshDatabase) {
    let program = Program::on(database);
    let started: Vec<_> = (0..4).map(|_| program.start(&["migrate"])).collect();
    let mut outputs: Vec<String> = started
        .into_iter()
        .map(|child| RunResult::from(child.wait_with_output().unwrap()).succeeded())
        .collect();
    outputs.sort();
    assert_eq!(outputs[0], lines(NAMES.len()));
    assert!(outputs[1..].iter().all(|output| output == "nothing to apply\n"), "{outputs:?}");
}

fn newer_database_is_refused(database: &FreshDatabase) {
    let program = Program::on(database).with("RECTO_SECRET", "6f1d0c5be2a94b7f8e03d1c2a5b69788");
    program.run(&["migrate"]).succeeded();
    let later = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000001')";
    database.execute(later).unwrap();

    let small = small_data_set();
    let (import, user) = (
        ["import", "goodbooks", small.to_str().unwrap()],
        ["user", "create", "--username", "ada", "--email", "ada@example.org", "--password-stdin"],
    );
    let serve = ["serve", "--migrate", "--listen", "127.0.0.1:0"];
    for command in [&["migrate"][..], &["migrate", "revert"], &serve, &import, &user] {
        let error = program.run_with_input(command, "correct horse\n").failed(1);
        assert!(error.contains("newer than this program"), "{command:?}: {error}");
        assert!(error.contains("29990101000001"), "{command:?}: {error}");
    }
    let status = program.run(&["migrate", "status"]).succeeded();
    assert_eq!(status, lines(NAMES.len()) + "unknown 29990101000001\n");
}

#[test]
fn unreachable_database_is_named_without_password() {
    let program = Program::new();
    let nowhere = "postgres://me:hidden@127.0.0.1:1/recto";
    let error = program.run(&["migrate", "--database-url", nowhere]).failed(1);
    assert!(error.starts_with("error: postgres://me:***@127.0.0.1:1/recto: "), "{error}");
    assert!(!error.contains("hidden"), "{error}");
    let error = program.run(&["migrate", "--database-url", "sqlite:no/such/place.db"]).failed(1);
    assert!(error.starts_with("error: sqlite:no/such/place.db: "), "{error}");
}

#[test]
fn other_file_is_not_overwritten() {
    let program = Program::new();
    let text = "Dear diary, today I read a book. ".repeat(100);
    std::fs::write(program.path("recto.db"), &text).unwrap();
    let error = program.run(&["migrate"]).failed(1);
    assert!(error.contains("not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(program.path("recto.db")).unwrap(), text);
}

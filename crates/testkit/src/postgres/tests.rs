use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

fn run(database: &TestDatabase, statement: &str) -> usize {
    execute(database.url(), statement).unwrap().unwrap()
}

fn is_dropped(database: &str, cluster: &Cluster) -> bool {
    execute(&cluster.url_of(database), "SELECT 1").is_err()
}

#[test]
fn databases_are_isolated() {
    let Some(cluster) = cluster() else { return };
    let (one, other) = (cluster.create_database(), cluster.create_database());
    run(&one, "CREATE TABLE leaf (number int)");
    run(&other, "CREATE TABLE leaf (number int)");
    assert_eq!(run(&one, "INSERT INTO leaf VALUES (1), (2)"), 2);
    assert_eq!(run(&other, "DELETE FROM leaf"), 0);
}

#[test]
fn template_is_copied_with_rows() {
    let Some(cluster) = cluster() else { return };
    let template = cluster.create_database();
    run(&template, "CREATE TABLE leaf AS SELECT 1 AS number");
    let copy = cluster.create_from_template(template.name());
    assert_eq!(run(&copy, "DELETE FROM leaf"), 1);
    assert_eq!(run(&template, "DELETE FROM leaf"), 1);
}

#[test]
fn open_connections_do_not_prevent_dropping() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.create_database();
    let name = database.name().to_owned();
    let _connection = PgConnection::establish(database.url()).unwrap();
    drop(database);
    assert!(is_dropped(&name, cluster));
}

#[test]
fn text_is_utf_8() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.create_database();
    run(&database, "CREATE TABLE leaf (title text CHECK (char_length(title) = 1))");
    assert_eq!(run(&database, "INSERT INTO leaf VALUES ('書')"), 1);
}

/// Starts itself again as another process, which starts a cluster and a child process and is then
/// killed.
#[test]
fn cluster_stops_with_a_killed_process() {
    const VICTIM: &str = "RECTO_TESTKIT_VICTIM";
    if cluster().is_none() {
        return;
    }
    if env::var_os(VICTIM).is_some() {
        let cluster = cluster().unwrap();
        let null = Stdio::null;
        let mut sleeper = Command::new("sleep");
        let sleeper = sleeper.arg("10").stdin(null()).stdout(null()).stderr(null());
        let mut child = sleeper.spawn().unwrap();
        println!("\nvictim {} {}", cluster.port(), cluster.log_file().display());
        child.wait().unwrap();
        return;
    }
    let this = format!("{}::cluster_stops_with_a_killed_process", module_path!());
    let (_, this) = this.split_once("::").unwrap();
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", this])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("victim ").map(str::to_owned))
        .unwrap();
    let (port, log_file) = printed.split_once(' ').unwrap();
    let address = format!("127.0.0.1:{port}");
    assert!(TcpStream::connect(&address).is_ok());

    victim.kill().unwrap();
    victim.wait().unwrap();
    let killed = Instant::now();
    while Path::new(log_file).exists() || TcpStream::connect(&address).is_ok() {
        assert!(killed.elapsed() < Duration::from_secs(8), "the cluster still runs");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn process_killed_at_start_leaves_nothing() {
    let Some(programs) = programs::installed() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut watcher = watcher::spawn(&programs, &directory, Durability::Off).unwrap();
    // Closes both pipes, as the end of the process would.
    drop((watcher.stdin.take(), watcher.stdout.take()));
    watcher.wait().unwrap();
    assert!(!directory.path().exists());
}

#[test]
fn crash_keeps_committed_rows() {
    let Some(cluster) = Cluster::dedicated() else { return };
    let database = cluster.create_database();
    run(&database, "CREATE TABLE leaf (number int)");
    let mut open = PgConnection::establish(database.url()).unwrap();
    diesel::sql_query("BEGIN").execute(&mut open).unwrap();
    diesel::sql_query("INSERT INTO leaf VALUES (2)").execute(&mut open).unwrap();
    run(&database, "INSERT INTO leaf VALUES (1)");
    cluster.crash();
    assert_eq!(run(&database, "DELETE FROM leaf"), 1);
    assert!(diesel::sql_query("COMMIT").execute(&mut open).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn paused_server_answers_later() {
    let Some(cluster) = Cluster::dedicated() else { return };
    let database = cluster.create_database();
    let paused = cluster.pause();
    let (sender, answered) = std::sync::mpsc::channel();
    let url = database.url().to_owned();
    std::thread::spawn(move || sender.send(execute(&url, "SELECT 1").unwrap().unwrap()));
    assert!(answered.recv_timeout(Duration::from_millis(500)).is_err());
    drop(paused);
    assert_eq!(answered.recv_timeout(Duration::from_mins(1)), Ok(1));
}

#[test]
fn identifiers_are_quoted() {
    assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
}

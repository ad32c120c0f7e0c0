//! The process that starts and stops a cluster.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::programs;

/// Whether commits wait for the disk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Durability {
    On,
    Off,
}

/// The server's settings: no socket file (a temporary path may be too long for one), enough
/// connections for many small pools.
const SETTINGS: &str = "-h 127.0.0.1 -N 200 -c unix_socket_directories= -c wal_level=minimal \
    -c max_wal_senders=0";

/// Further settings of a server that need not be durable. They are arguments, which override
/// `ALTER SYSTEM`.
const NOT_DURABLE: &str = "-F -c synchronous_commit=off -c full_page_writes=off";

/// The number of free ports to try. Each may be taken before the server starts.
const PORTS: usize = 5;

/// The watcher's script. It creates and starts the cluster, prints the port or `failed`, waits for
/// its standard input to close (when the test process ends), then stops the server and removes its
/// files. The script itself starts the server, so that a cluster never exists without a watcher.
const SCRIPT: &str = r#"
programs=$1 directory=$2 settings=$3
shift 3
exec 2>>"$directory/log"
initialise() {
    "$programs/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 \
        --locale="$1" --pgdata="$directory/data" >&2
}
start() {
    "$programs/pg_ctl" start -w -t 60 -D "$directory/data" -l "$directory/log" \
        -o "-p $1 $settings" >&2
}
reply=failed
if initialise C.UTF-8 || initialise C; then
    for port in "$@"; do
        if start "$port"; then
            reply=$port
            break
        fi
    done
fi
trap '' HUP INT PIPE TERM
echo "$reply"
cat >/dev/null
cd /
"$programs/pg_ctl" stop -m immediate -D "$directory/data" >&2
rm -rf "$directory"
"#;

/// Starts the watcher in its own process group, where neither Ctrl-C nor a test runner that kills a
/// slow test's group reaches it.
pub(super) fn spawn(
    programs: &Path,
    directory: &TempDir,
    durability: Durability,
) -> io::Result<Child> {
    let path = directory.path();
    let settings = match durability {
        Durability::On => SETTINGS.to_owned(),
        Durability::Off => format!("{SETTINGS} {NOT_DURABLE}"),
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(SCRIPT).arg("recto-postgres-watcher");
    command.arg(programs).arg(path).arg(settings);
    command.args(free_ports()?.iter().map(u16::to_string));
    command.current_dir(path).process_group(0);
    // The developer's PGPORT, PGDATA or locale must not reach the server.
    command.env_clear().env("LC_ALL", "C");
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some((uid, gid)) = unprivileged_account(path)? {
        chown(path, Some(uid), Some(gid))?;
        command.uid(uid).gid(gid);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// Reads the watcher's reply, which is empty if the watcher ended without one.
pub(super) fn read_reply(watcher: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    if let Some(output) = watcher.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    Ok(line)
}

/// Returns distinct ports that are free now.
fn free_ports() -> io::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..PORTS)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Returns the uid and gid to run the server as, if this process is root: that is, if `directory`,
/// which the process has created, belongs to root.
fn unprivileged_account(directory: &Path) -> io::Result<Option<(u32, u32)>> {
    if fs::metadata(directory)?.uid() != 0 {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|user| Some((id("-u", user)?, id("-g", user)?)))
        .map(Some)
        .ok_or_else(|| io::Error::other("root may not run it, and there is no other user for it"))
}

fn id(flag: &str, user: &str) -> Option<u32> {
    programs::standard_output(Command::new("id").args([flag, user]))?.parse().ok()
}

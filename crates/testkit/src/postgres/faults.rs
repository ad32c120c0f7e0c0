//! Faults of a server: crashed, or frozen.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::Cluster;

/// A cluster whose processes are all stopped. They continue when this value is dropped.
#[derive(Debug)]
pub struct Paused<'c> {
    processes: Vec<u32>,
    /// It cannot be removed while it is paused.
    _cluster: &'c Cluster,
}

impl Cluster {
    /// Kills the server without a checkpoint (`pg_ctl restart -m immediate`) and starts it again,
    /// which replays its write-ahead log. Only for a [dedicated](Self::dedicated) cluster.
    ///
    /// # Panics
    /// If the server does not start again.
    pub fn crash(&self) {
        let data = self.directory.join("data");
        let owner = fs::metadata(&data).expect("the cluster has a data directory");
        let restarted = Command::new(self.programs.join("pg_ctl"))
            .args(["restart", "-m", "immediate", "-w", "-t", "60", "-D"])
            .arg(&data)
            .arg("-l")
            .arg(self.log_file())
            .current_dir(&self.directory)
            .uid(owner.uid())
            .gid(owner.gid())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("pg_ctl is installed");
        assert!(restarted.success(), "PostgreSQL did not start again: {}", self.log());
    }

    /// Stops all processes of the server with SIGSTOP, as if its machine were frozen: connections
    /// stay open, and nothing responds. Only on Linux, and only for a
    /// [dedicated](Self::dedicated) cluster.
    ///
    /// # Panics
    /// If the processes cannot be found.
    #[must_use = "the server continues when this value is dropped"]
    pub fn pause(&self) -> Paused<'_> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid"));
        let file = file.expect("a running server has a file with its process id");
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        let server: u32 = first.expect("its first line is the process id");
        // First the parent, so that it starts no further process.
        let mut paused = Paused { processes: vec![server], _cluster: self };
        signal("STOP", &paused.processes);
        paused.processes.extend(children(server).expect("Linux lists the children of a process"));
        signal("STOP", &paused.processes);
        paused
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        signal("CONT", &self.processes);
    }
}

fn children(process: u32) -> io::Result<Vec<u32>> {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    Ok(list.split_whitespace().filter_map(|id| id.parse().ok()).collect())
}

fn signal(name: &str, processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    // A process may have ended meanwhile.
    let _ = Command::new("kill").arg(format!("-{name}")).args(ids).stderr(Stdio::null()).status();
}

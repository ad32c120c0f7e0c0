//! Writes that share a commit on SQLite.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use recto_relations_diesel::WorkLimits;

use super::job::{Job, JobOutcome};
use crate::{Connection, DatabaseFailure, Error};

/// The time after which a group is committed, so that a slow write delays others little.
const GROUP_TIME: Duration = Duration::from_millis(100);

/// Jobs that have run in one transaction.
#[derive(Default)]
pub(super) struct Group {
    /// Jobs that have a result.
    pub(super) ran: Vec<Job>,
    /// Jobs that were rolled back because they took so long that others waited.
    pub(super) slow: Vec<Job>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.ran.len() + self.slow.len()
    }

    /// Runs jobs until there are none or the time is over, and commits. Returns `false`, without a
    /// commit, if one of them must run again alone.
    pub(super) fn run(
        &mut self,
        connection: &mut Connection,
        jobs: &mut VecDeque<Job>,
    ) -> Result<bool, Error> {
        let began = Instant::now();
        while began.elapsed() < GROUP_TIME
            && let Some(mut job) = jobs.pop_front()
        {
            let (outcome, ended) = run_in_savepoint(connection, &mut job);
            if outcome == JobOutcome::TimedOut && job.limits().check().is_ok() {
                self.slow.push(job);
            } else {
                self.ran.push(job);
            }
            ended?;
            match outcome {
                JobOutcome::Done | JobOutcome::Failed | JobOutcome::TimedOut => {}
                JobOutcome::Retry | JobOutcome::Suspect | JobOutcome::NotStarted => {
                    return Ok(false);
                }
            }
        }
        connection.commit()?;
        Ok(true)
    }
}

/// Runs a job of a group, for at most [`GROUP_TIME`]. The second result is an error if the whole
/// transaction has failed, as after SQLite has interrupted a statement that writes.
fn run_in_savepoint(connection: &mut Connection, job: &mut Job) -> (JobOutcome, Result<(), Error>) {
    let limits = job.limits();
    if limits.check().is_err() {
        job.fail(DatabaseFailure::TimedOut.into());
        return (JobOutcome::TimedOut, Ok(()));
    }
    let end = Instant::now() + GROUP_TIME;
    let deadline = limits.deadline.map_or(end, |deadline| deadline.min(end));
    connection.set_limits(WorkLimits { deadline: Some(deadline), ..limits.clone() });
    if let Err(error) = connection.begin_savepoint() {
        return (JobOutcome::NotStarted, Err(error));
    }
    let mut outcome = job.run(connection);
    if outcome == JobOutcome::Done && job.limits().check().is_err() {
        job.fail(DatabaseFailure::TimedOut.into());
        outcome = JobOutcome::TimedOut;
    }
    let ended = match outcome {
        JobOutcome::Done => connection.commit(),
        JobOutcome::Failed | JobOutcome::TimedOut => connection.roll_back(),
        JobOutcome::Retry | JobOutcome::Suspect | JobOutcome::NotStarted => Ok(()),
    };
    (outcome, ended)
}

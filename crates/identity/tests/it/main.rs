//! Tests that need a process of their own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use recto_domain::{Password, PasswordAttempt};
use recto_identity::password::Hasher;

/// Returns the memory of this process that is resident, in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// On several threads, since the system's allocator has a heap for each.
#[tokio::test(flavor = "multi_thread")]
async fn memory_of_hashes_is_returned() {
    const AT_ONCE: usize = 8;
    let hasher = Hasher::new(NonZeroUsize::new(AT_ONCE).unwrap());
    let before = resident();
    let password = Password::parse("correct horse battery staple").unwrap();
    let hash = hasher.hash(&password).await.unwrap();
    let attempt = PasswordAttempt::parse("correct horse battery staple").unwrap();
    let tasks = (0..4 * AT_ONCE).map(|_| {
        let (hasher, attempt, hash) = (hasher.clone(), attempt.clone(), hash.clone());
        tokio::spawn(async move { hasher.verify(&attempt, Some(&hash)).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert!(task.await.unwrap());
    }
    let since = Instant::now();
    while resident() >= before + 19 {
        assert!(since.elapsed() < Duration::from_mins(1), "{before} MiB, then {}", resident());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

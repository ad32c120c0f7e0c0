//! The number of files that the process may open.

/// The files that the process opens besides connections: databases, mails, logs, workers.
#[cfg(unix)]
const BESIDES: usize = 256;

/// Raises the limit of open files as far as a number of connections needs, and returns the number
/// of connections that it permits.
#[cfg(unix)]
pub(crate) fn connections_within_limit(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = connections + BESIDES;
    let limit = getrlimit(Resource::Nofile);
    let number = |limit: Option<u64>| {
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    };
    let (current, maximum) = (number(limit.current), number(limit.maximum));
    let mut available = current;
    if current < needed {
        let raised = needed.min(maximum);
        let current = Some(u64::try_from(raised).unwrap_or(u64::MAX));
        if setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).is_ok() {
            available = raised;
        }
    }
    let permitted = permitted(connections, available);
    if permitted < connections {
        tracing::warn!(
            open_files = available,
            needed,
            connections = permitted,
            "the limit of open files (ulimit -Hn) is too low: fewer connections are accepted"
        );
    }
    permitted
}

/// Returns the number of connections that a number of open files permits.
#[cfg(unix)]
fn permitted(connections: usize, files: usize) -> usize {
    // With very few files, most are still for connections.
    let besides = BESIDES.min(files / 2);
    connections.min(files - besides).max(1)
}

/// Returns the number of connections: this system has no limit of open files.
#[cfg(not(unix))]
pub(crate) fn connections_within_limit(connections: usize) -> usize {
    connections
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn few_files_permit_fewer_connections() {
        assert_eq!(permitted(4096, 4096 + BESIDES), 4096);
        assert_eq!(permitted(4096, usize::MAX), 4096);
        assert_eq!(permitted(4096, 1024), 768);
        assert_eq!(permitted(4096, 64), 32);
        assert_eq!(permitted(4096, 0), 1);
    }

    #[test]
    fn limit_is_raised() {
        use rustix::process::{Resource, getrlimit};

        let needed = u64::try_from(connections_within_limit(300) + BESIDES).expect("a usize fits");
        assert!(getrlimit(Resource::Nofile).current.is_none_or(|current| current >= needed));
    }
}

//! Finding the programs of a PostgreSQL server.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the directory with the server programs of the first complete installation.
pub(super) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    on_path(&path).or_else(|| newest_version(Path::new("/usr/lib/postgresql"))).or_else(|| {
        let directory = standard_output(Command::new("pg_config").arg("--bindir"))?;
        Some(PathBuf::from(directory)).filter(|directory| is_complete(directory))
    })
}

/// Searches `PATH`, following links, since the directory of a link may lack other programs.
fn on_path(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter_map(|directory| fs::canonicalize(directory.join("initdb")).ok())
        .filter_map(|program| program.parent().map(Path::to_path_buf))
        .find(|directory| is_complete(directory))
}

/// Returns the `bin` directory of the highest version below `root`.
fn newest_version(root: &Path) -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, directory)| is_complete(directory))
        .collect();
    versions.sort();
    versions.pop().map(|(_, directory)| directory)
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| directory.join(program).is_file())
}

/// Returns the trimmed output of a command, or `None` if it fails or does not exist.
pub(super) fn standard_output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_complete_version_is_found() {
        let root = tempfile::tempdir().unwrap();
        for (version, programs) in [
            ("9", &["initdb", "pg_ctl", "postgres"][..]),
            ("15", &["initdb", "pg_ctl", "postgres"][..]),
            ("17", &["initdb"][..]),
            ("common", &["initdb", "pg_ctl", "postgres"][..]),
        ] {
            let bin = root.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            for program in programs {
                fs::write(bin.join(program), "").unwrap();
            }
        }
        assert_eq!(newest_version(root.path()), Some(root.path().join("15/bin")));
        assert_eq!(newest_version(&root.path().join("absent")), None);
    }

    #[test]
    fn links_on_path_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let (real, links) = (root.path().join("real"), root.path().join("links"));
        fs::create_dir_all(&real).unwrap();
        fs::create_dir_all(&links).unwrap();
        for program in ["initdb", "pg_ctl", "postgres"] {
            fs::write(real.join(program), "").unwrap();
        }
        std::os::unix::fs::symlink(real.join("initdb"), links.join("initdb")).unwrap();
        let path = std::env::join_paths([root.path().join("absent"), links]).unwrap();
        assert_eq!(on_path(&path), Some(fs::canonicalize(real).unwrap()));
        assert_eq!(on_path(OsStr::new("")), None);
    }
}

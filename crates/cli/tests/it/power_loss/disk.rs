//! The content of a disk after the power has failed.

use std::collections::HashMap;
use std::path::Path;

use super::recording::Event;

/// The size of what a disk writes whole.
const SECTOR: usize = 512;

/// Writes the files of a directory as they may be when the power fails after `events`.
///
/// Everything that was synced is there. Of the other writes and truncations, any subset is, and of
/// a write any subset of its sectors. Of the other changes of the directory, the first ones are.
/// `directory` is the directory's inode.
pub(crate) fn after_power_loss(
    events: &[Event],
    directory: u64,
    random: &mut fastrand::Rng,
    target: &Path,
) {
    let durable = durable(events);
    let until = |file: u64| durable.get(&file).copied().unwrap_or(0);
    let survival = [0, 50, 90, 100][random.usize(..4)];
    let mut survives = move || random.u32(..100) < survival;
    let (mut contents, mut names) = (HashMap::new(), HashMap::new());
    let mut directory_survives = true;
    for (number, event) in events.iter().enumerate() {
        match event {
            Event::Create { .. } | Event::Unlink { .. } if number >= until(directory) => {
                directory_survives &= survives();
            }
            _ => {}
        }
        match event {
            Event::Create { file, name } if directory_survives => {
                names.insert(name.clone(), *file);
            }
            Event::Unlink { name } if directory_survives => {
                names.remove(name);
            }
            Event::Write { file, offset, data } => {
                let content: &mut Vec<u8> = contents.entry(*file).or_default();
                if number < until(*file) {
                    write(content, *offset, data);
                } else {
                    write_sectors(content, *offset, data, &mut survives);
                }
            }
            Event::Truncate { file, length } if number < until(*file) || survives() => {
                contents.entry(*file).or_default().resize(*length, 0);
            }
            _ => {}
        }
    }
    for (name, file) in names {
        std::fs::write(target.join(name), contents.remove(&file).unwrap_or_default()).unwrap();
    }
}

/// Returns for each file the number of the first event that is not durable.
fn durable(events: &[Event]) -> HashMap<u64, usize> {
    let mut durable = HashMap::new();
    for event in events {
        if let Event::Sync { file, before } = event {
            let until = durable.entry(*file).or_default();
            *until = (*before).max(*until);
        }
    }
    durable
}

fn write(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

fn write_sectors(
    content: &mut Vec<u8>,
    mut offset: usize,
    mut data: &[u8],
    survives: &mut impl FnMut() -> bool,
) {
    while !data.is_empty() {
        let (sector, rest) = data.split_at((SECTOR - offset % SECTOR).min(data.len()));
        if survives() {
            write(content, offset, sector);
        }
        offset += sector.len();
        data = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(events: &[Event], seed: u64) -> Vec<u8> {
        let target = tempfile::tempdir().unwrap();
        after_power_loss(events, 1, &mut fastrand::Rng::with_seed(seed), target.path());
        std::fs::read(target.path().join("a")).unwrap_or_default()
    }

    #[test]
    fn only_synced_writes_always_survive() {
        let written = |byte| Event::Write { file: 2, offset: 0, data: vec![byte; 2 * SECTOR] };
        let events = [
            Event::Create { file: 2, name: "a".to_owned() },
            written(1),
            Event::Sync { file: 1, before: 1 },
            Event::Sync { file: 2, before: 2 },
            written(2),
        ];
        let images: Vec<_> = (0..100).map(|seed| image(&events, seed)).collect();
        let [first, second] = [0, SECTOR].map(|at| move |image: &Vec<u8>| image[at]);
        assert!(images.iter().all(|image| image.len() == 2 * SECTOR));
        for expected in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            assert!(images.iter().any(|image| (first(image), second(image)) == expected));
        }
        // A file whose entry in the directory was not synced may be gone.
        let images: Vec<_> = (0..100).map(|seed| image(&events[..2], seed)).collect();
        assert!(images.iter().any(Vec::is_empty) && !images.iter().all(Vec::is_empty));
    }
}

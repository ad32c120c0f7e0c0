//! Hashing loaded entities.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

/// A hasher of contents that consist of many small parts. It hashes a block of them at once by XXH3
/// with 64 bits, and has no random seed: the same build has the same hashes in each process.
///
/// ```
/// use std::hash::{Hash as _, Hasher as _};
/// use recto_relations::ContentHasher;
///
/// let hash = |title: &str| {
///     let mut state = ContentHasher::new();
///     (title, 1815).hash(&mut state);
///     state.finish()
/// };
/// assert_eq!(hash("Emma"), hash("Emma"));
/// assert_ne!(hash("Emma"), hash("Persuasion"));
/// ```
#[derive(Debug, Clone)]
pub struct ContentHasher {
    block: [u8; Self::BLOCK],
    length: usize,
    /// The hash of the blocks before.
    seed: u64,
}

impl ContentHasher {
    /// The size of a block in bytes.
    const BLOCK: usize = 1024;

    /// Returns the hasher of an empty content.
    pub const fn new() -> Self {
        Self { block: [0; Self::BLOCK], length: 0, seed: 0 }
    }
}

impl Default for ContentHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher for ContentHasher {
    // A part of a constant size becomes one store.
    #[inline]
    fn write(&mut self, part: &[u8]) {
        if self.length + part.len() > Self::BLOCK {
            self.seed = self.finish();
            self.length = 0;
        }
        match self.block[self.length..].get_mut(..part.len()) {
            Some(free) => {
                free.copy_from_slice(part);
                self.length += part.len();
            }
            None => self.seed = XxHash3_64::oneshot_with_seed(self.seed, part),
        }
    }

    fn finish(&self) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, &self.block[..self.length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_any_size_is_hashed() {
        let hash = |parts: &[&[u8]]| {
            let mut state = ContentHasher::new();
            for part in parts {
                state.write(part);
            }
            state.finish()
        };
        let long = [7; 3 * ContentHasher::BLOCK];
        let parts = [&long[..10], &long, &long[..1020], &long[..5], b"end"];
        let whole = hash(&parts);
        assert_eq!(hash(&parts), whole);
        for left_out in 0..parts.len() {
            let rest: Vec<_> =
                (0..parts.len()).filter(|i| *i != left_out).map(|i| parts[i]).collect();
            assert_ne!(hash(&rest), whole, "{left_out}");
        }
    }
}

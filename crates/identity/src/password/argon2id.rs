//! Argon2id with memory that is used again, and returned to the system when it is idle.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::{self, phc};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use phc::{Output, ParamsString, Salt};

/// The smallest buffer in blocks of 1 KiB. glibc maps an allocation of more than 32 MiB by itself
/// and unmaps it when it is freed; smaller ones it keeps in the heap of each thread, hundreds of
/// megabytes after some sign-ins. Only memory that is used is resident.
const MIN_BLOCKS: usize = 33 * 1024;

/// Buffers that no hash uses now. There are as many as hashes have run in parallel.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<Block>>>);

impl Buffers {
    /// Returns the memory of all buffers to the system.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self, blocks: usize) -> Vec<Block> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = free.unwrap_or_else(|| Vec::with_capacity(blocks.max(MIN_BLOCKS)));
        if buffer.len() < blocks {
            buffer.resize(blocks, Block::new());
        }
        buffer
    }

    fn put(&self, buffer: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }

    /// Hashes a password.
    pub(super) fn hash(
        &self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<phc::PasswordHash> {
        let params = argon2.params();
        let salt = Salt::new(salt)?;
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut digest = [0; Output::MAX_LENGTH];
        let digest = digest.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        let mut buffer = self.take(params.block_count());
        let hashed = argon2.hash_password_into_with_memory(password, &salt, digest, &mut buffer);
        self.put(buffer);
        hashed?;
        Ok(phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(params)?,
            salt: Some(salt),
            hash: Some(Output::new(digest)?),
        })
    }

    /// Returns whether a password matches a stored hash, whose algorithm and parameters may differ
    /// from those of new ones.
    pub(super) fn matches(
        &self,
        password: &[u8],
        stored: &phc::PasswordHash,
    ) -> password_hash::Result<bool> {
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(password_hash::Error::OutputSize);
        };
        let version = stored.version.map_or(Ok(Version::default()), Version::try_from)?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(stored)?);
        let computed = self.hash(&argon2, password, salt)?;
        // Outputs are compared in constant time.
        Ok(computed.hash.as_ref() == Some(expected))
    }
}

impl std::fmt::Debug for Buffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
    }
}

//! Password hashing with Argon2id, bounded in parallel, on threads for blocking work.

mod argon2id;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::{self, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use recto_domain::{Password, PasswordAttempt, PasswordHash};
use tokio::sync::Semaphore;

use argon2id::Buffers;

/// Memory of one hash in KiB. Together with [`PASSES`], the minimum that OWASP recommends.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Threads of one hash. Requests already run in parallel.
const LANES: u32 = 1;

/// The maximum number of waiting hashes: a few seconds of work, after which clients time out.
const MAX_WAITING: usize = 128;

/// The time without hashes after which their memory is returned.
const IDLE: Duration = Duration::from_secs(10);

/// Checked for an account that does not exist. It costs as much as a real hash, and no password
/// matches, since its digest is arbitrary text.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
     cmVjdG8vdmVyc28vMDAwMA$bm8gcGFzc3dvcmQgbGVhZHMgdG8gdGhpcyBkaWdlc3Q";

/// Hashes and checks passwords. Clones share limits and counter.
#[derive(Debug, Clone)]
pub struct Hasher {
    state: Arc<HasherState>,
}

#[derive(Debug)]
struct HasherState {
    argon2: Argon2<'static>,
    buffers: Buffers,
    /// Whether a task waits to return the memory of the buffers.
    releasing: AtomicBool,
    /// A permit for each hash that may run now. Each occupies a processor and 19 MiB.
    permits: Arc<Semaphore>,
    /// A permit for each hash that may wait.
    waiting: Arc<Semaphore>,
    done: AtomicU64,
}

/// A failure to hash or check a password. It is never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 failed, or the system has no randomness for a salt.
    #[error("the password could not be hashed: {0}")]
    Failed(password_hash::Error),
    /// The stored hash is malformed.
    #[error("the stored password hash cannot be read: {0}")]
    Corrupt(password_hash::Error),
    /// Too many hashes are waiting.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded,
    /// The server is shutting down, or the thread panicked.
    #[error("hashing was interrupted")]
    Interrupted,
}

impl Hasher {
    /// Returns a hasher that runs at most `at_once` hashes at the same time. Others wait.
    ///
    /// ```
    /// use recto_identity::password::Hasher;
    /// use recto_domain::Password;
    ///
    /// let hasher = Hasher::new(std::num::NonZeroUsize::MIN);
    /// let hash = hasher.hash_blocking(&Password::parse("correct horse battery staple")?)?;
    /// assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "the parameters are constant and tested")]
    pub fn new(at_once: NonZeroUsize) -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .expect("the parameters are within Argon2's bounds");
        let permits = at_once.get().min(Semaphore::MAX_PERMITS);
        Self {
            state: Arc::new(HasherState {
                argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                buffers: Buffers::default(),
                releasing: AtomicBool::new(false),
                permits: Arc::new(Semaphore::new(permits)),
                waiting: Arc::new(Semaphore::new(MAX_WAITING)),
                done: AtomicU64::new(0),
            }),
        }
    }

    /// Hashes a password with a new salt, on a thread for blocking work.
    ///
    /// # Errors
    /// Every [`HashError`] except [`Corrupt`](HashError::Corrupt).
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let password = password.clone();
        self.run(move |state| state.hash(password.expose())).await
    }

    /// Returns whether the attempt matches the stored hash.
    ///
    /// `None`, for an account that does not exist, never matches but takes as long, so that the
    /// timing does not reveal which accounts exist.
    ///
    /// # Errors
    /// Every [`HashError`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn verify(
        &self,
        attempt: &PasswordAttempt,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let (attempt, stored) = (attempt.clone(), stored.cloned());
        self.run(move |state| match stored {
            Some(hash) => state.verify(&attempt, &hash.0),
            None => state.verify(&attempt, DUMMY_HASH).map(|_| false),
        })
        .await
    }

    /// Hashes a password again that matches `stored`, if `stored` has weaker parameters than new
    /// hashes have.
    ///
    /// # Errors
    /// Every [`HashError`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn rehash_if_weaker(
        &self,
        attempt: &PasswordAttempt,
        stored: &PasswordHash,
    ) -> Result<Option<PasswordHash>, HashError> {
        if !is_weaker(&stored.0)? {
            return Ok(None);
        }
        let attempt = attempt.clone();
        self.run(move |state| state.hash(attempt.expose()).map(Some)).await
    }

    /// Hashes a password on the calling thread, for programs without a runtime. The limit on
    /// parallel hashes does not apply.
    ///
    /// # Errors
    /// [`Failed`](HashError::Failed).
    pub fn hash_blocking(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let hash = self.state.hash(password.expose());
        self.state.buffers.clear();
        hash
    }

    /// Returns how many hashes this hasher and its clones have computed.
    pub fn hashes_done(&self) -> u64 {
        self.state.done.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&HasherState) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let state = Arc::clone(&self.state);
        let waiting = Arc::clone(&state.waiting).try_acquire_owned();
        let waiting = waiting.map_err(|_| HashError::Overloaded)?;
        let permit = Arc::clone(&state.permits).acquire_owned().await;
        let permit = permit.map_err(|_| HashError::Interrupted)?;
        drop(waiting);
        HasherState::release_when_idle(&state);
        let done = tokio::task::spawn_blocking(move || {
            // The work holds the permit, since it continues after the client has disconnected.
            let _permit = permit;
            work(&state)
        });
        done.await.map_err(|_| HashError::Interrupted)?
    }
}

impl Default for Hasher {
    /// Returns a hasher for half of the processors, at least one. The others serve requests.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN))
    }
}

impl HasherState {
    /// Starts a task that returns the memory of the buffers when no hash has been computed for
    /// [`IDLE`].
    fn release_when_idle(this: &Arc<Self>) {
        if this.releasing.swap(true, Ordering::Relaxed) {
            return;
        }
        let state = Arc::clone(this);
        tokio::spawn(async move {
            let mut done = state.done.load(Ordering::Relaxed);
            loop {
                tokio::time::sleep(IDLE).await;
                let before = std::mem::replace(&mut done, state.done.load(Ordering::Relaxed));
                if before == done {
                    break;
                }
            }
            // A hash that begins now starts a task of its own.
            state.releasing.store(false, Ordering::Relaxed);
            // On a thread that ends when it has been idle: mimalloc returns freed memory to the
            // system when a thread ends, and otherwise only with later work.
            tokio::task::spawn_blocking(move || state.buffers.clear());
        });
    }

    fn hash(&self, password: &str) -> Result<PasswordHash, HashError> {
        let hash = password_hash::try_generate_salt()
            .map_err(password_hash::Error::from)
            .and_then(|salt| self.buffers.hash(&self.argon2, password.as_bytes(), &salt));
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(PasswordHash(hash.map_err(HashError::Failed)?.to_string()))
    }

    fn verify(&self, attempt: &PasswordAttempt, stored: &str) -> Result<bool, HashError> {
        let stored =
            phc::PasswordHash::new(stored).map_err(|error| HashError::Corrupt(error.into()))?;
        let matches = self.buffers.matches(attempt.expose().as_bytes(), &stored);
        self.done.fetch_add(1, Ordering::Relaxed);
        matches.map_err(HashError::Corrupt)
    }
}

/// Returns whether a hash has weaker parameters than new ones have.
fn is_weaker(stored: &str) -> Result<bool, HashError> {
    let corrupt = |error: phc::Error| HashError::Corrupt(error.into());
    let stored = phc::PasswordHash::new(stored).map_err(corrupt)?;
    let number = |name: &str| stored.params.get_decimal(name).unwrap_or(0);
    let current = stored.algorithm == Algorithm::Argon2id.ident()
        && stored.version == Some(Version::V0x13.into());
    let enough = number("m") >= MEMORY_KIB && number("t") >= PASSES && number("p") >= LANES;
    Ok(!current || !enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(typed: &str) -> Password {
        Password::parse(typed).unwrap()
    }

    fn attempt(typed: &str) -> PasswordAttempt {
        PasswordAttempt::parse(typed).unwrap()
    }

    #[tokio::test]
    async fn password_matches_only_its_hash() {
        let hasher = Hasher::default();
        let hash = hasher.hash(&password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(hasher.verify(&attempt("correct horse"), Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&attempt("correct horsf"), Some(&hash)).await.unwrap());
        assert_eq!(hasher.hashes_done(), 3);
    }

    #[tokio::test]
    async fn unicode_composition_does_not_matter() {
        let hasher = Hasher::default();
        let hash = hasher.hash_blocking(&password("caf\u{e9} noir")).unwrap();
        assert!(hasher.verify(&attempt("cafe\u{301} noir"), Some(&hash)).await.unwrap());
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        let hasher = Hasher::default();
        let one = hasher.hash_blocking(&password("correct horse")).unwrap();
        let other = hasher.hash_blocking(&password("correct horse")).unwrap();
        assert_ne!(one.0, other.0);
    }

    #[tokio::test]
    async fn unknown_account_costs_the_same() {
        let hasher = Hasher::default();
        assert!(!hasher.verify(&attempt("anything"), None).await.unwrap());
        assert_eq!(hasher.hashes_done(), 1);
        let real = hasher.hash_blocking(&password("anything else")).unwrap();
        let real = phc::PasswordHash::new(&real.0).unwrap();
        let dummy = phc::PasswordHash::new(DUMMY_HASH).unwrap();
        assert_eq!(dummy.algorithm, real.algorithm);
        assert_eq!(dummy.version, real.version);
        assert_eq!(dummy.params, real.params);
        assert_eq!(dummy.salt.unwrap().len(), real.salt.unwrap().len());
        assert_eq!(dummy.hash.unwrap().len(), real.hash.unwrap().len());
    }

    #[tokio::test]
    async fn corrupt_hash_is_an_error() {
        let hasher = Hasher::default();
        for corrupt in ["", "hunter2", "$2b$12$abc", "$argon2id$v=19$m=1,t=0,p=1$", "$argon2x$a$b"]
        {
            let stored = PasswordHash(corrupt.to_owned());
            let result = hasher.verify(&attempt("anything"), Some(&stored)).await;
            assert!(matches!(result, Err(HashError::Corrupt(_))), "{corrupt}: {result:?}");
        }
    }

    #[tokio::test]
    async fn excess_hashes_wait() {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let permit = hasher.state.permits.acquire().await.unwrap();
        let (attempt, other) = (attempt("anything"), hasher.clone());
        let waiting = tokio::spawn(async move { other.verify(&attempt, None).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(hasher.hashes_done(), 0);
        drop(permit);
        assert!(!waiting.await.unwrap().unwrap());
        assert_eq!(hasher.hashes_done(), 1);
    }

    #[tokio::test]
    async fn abandoned_work_holds_its_permit() {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let abandoned = hasher.clone();
        let task = tokio::spawn(async move {
            abandoned
                .run(|_| {
                    std::thread::sleep(Duration::from_millis(200));
                    Ok(())
                })
                .await
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        task.abort();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(hasher.state.permits.available_permits(), 0);
    }
}

//! Passwords: hashed with Argon2id, a few at a time, and never on the threads that serve
//! requests.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use recto_domain::{Password, PasswordAttempt, PasswordHash};
use tokio::sync::Semaphore;

/// Memory of one hash, in KiB. With the passes this is the least that OWASP recommends.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes of one hash: requests are what runs in parallel here.
const LANES: u32 = 1;

/// How many may wait for their turn: some seconds' worth, after which an answer is no use.
const WAITING: usize = 128;

/// Checked in place of the hash of an account that does not exist. Its cost is that of a real
/// one, and nobody can know a password for it, for its digest is an arbitrary text.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
     cmVjdG8vdmVyc28vMDAwMA$bm8gcGFzc3dvcmQgbGVhZHMgdG8gdGhpcyBkaWdlc3Q";

/// Hashes and checks passwords. Clones share one bound and one count.
#[derive(Debug, Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    argon2: Argon2<'static>,
    /// One permit a hash that may run now: each takes a processor and 19 MiB.
    permits: Arc<Semaphore>,
    places: Arc<Semaphore>,
    done: AtomicU64,
}

/// A password could be neither hashed nor checked. None of it is the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 refused its work, or there was no randomness for a salt.
    #[error("the password could not be hashed: {0}")]
    Failed(password_hash::Error),
    /// What is stored for the account is not a hash that can be checked.
    #[error("the stored password hash cannot be read: {0}")]
    Corrupt(password_hash::Error),
    /// More passwords wait to be hashed than will be.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The server is shutting down, or the thread panicked.
    #[error("hashing was interrupted")]
    Interrupted,
}

impl Hasher {
    /// A hasher that runs at most `at_once` hashes at the same time; the others wait.
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
    #[expect(clippy::missing_panics_doc, reason = "the numbers are constants, and tested")]
    pub fn new(at_once: NonZeroUsize) -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .expect("the three numbers are within the bounds of Argon2");
        let permits = at_once.get().min(Semaphore::MAX_PERMITS);
        Self {
            inner: Arc::new(Inner {
                argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                permits: Arc::new(Semaphore::new(permits)),
                places: Arc::new(Semaphore::new(WAITING)),
                done: AtomicU64::new(0),
            }),
        }
    }

    /// Hashes a password with a new salt, on a thread for blocking work.
    ///
    /// # Errors
    /// Every [`HashError`] but [`Corrupt`](HashError::Corrupt).
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let password = password.clone();
        self.run(move |inner| inner.hash(password.expose())).await
    }

    /// Whether the attempt is the password of `stored`.
    ///
    /// Where there is no account, `None`, the answer is no and takes the same work, so that the
    /// time it takes does not tell which accounts exist.
    ///
    /// # Errors
    /// [`Corrupt`](HashError::Corrupt) if `stored` is not a hash; [`HashError`] otherwise.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn verify(
        &self,
        attempt: &PasswordAttempt,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let (attempt, stored) = (attempt.clone(), stored.cloned());
        self.run(move |inner| match stored {
            Some(hash) => inner.verify(&attempt, &hash.0),
            None => inner.verify(&attempt, NOBODY).map(|_| false),
        })
        .await
    }

    /// A new hash of a password that has just been checked against `stored`, if that was made
    /// with less work than is asked for now.
    ///
    /// # Errors
    /// Every [`HashError`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn stronger(
        &self,
        attempt: &PasswordAttempt,
        stored: &PasswordHash,
    ) -> Result<Option<PasswordHash>, HashError> {
        if !is_weaker(&stored.0)? {
            return Ok(None);
        }
        let attempt = attempt.clone();
        self.run(move |inner| inner.hash(attempt.expose()).map(Some)).await
    }

    /// Hashes a password on this thread, for programs that have no runtime. The bound on how
    /// many run at once does not apply.
    ///
    /// # Errors
    /// [`Failed`](HashError::Failed).
    pub fn hash_blocking(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.inner.hash(password.expose())
    }

    /// How many times Argon2 has been run to its end, by this hasher and its clones.
    pub fn hashes_done(&self) -> u64 {
        self.inner.done.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let inner = Arc::clone(&self.inner);
        // A place among those who wait, given back when the hashing begins.
        let place = Arc::clone(&inner.places).try_acquire_owned();
        let place = place.map_err(|_| HashError::Overloaded)?;
        let permit = Arc::clone(&inner.permits).acquire_owned().await;
        let permit = permit.map_err(|_| HashError::Interrupted)?;
        drop(place);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request: a client that hangs up ends the one but
            // not the other, and could otherwise start any number.
            let _permit = permit;
            work(&inner)
        });
        done.await.map_err(|_| HashError::Interrupted)?
    }
}

impl Default for Hasher {
    /// A hasher that runs as many hashes at once as half of the processors, at least one: so many
    /// as may sign in at once, the others keep serving.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN))
    }
}

impl Inner {
    fn hash(&self, password: &str) -> Result<PasswordHash, HashError> {
        let hash = self.argon2.hash_password(password.as_bytes());
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(PasswordHash(hash.map_err(HashError::Failed)?.to_string()))
    }

    fn verify(&self, attempt: &PasswordAttempt, stored: &str) -> Result<bool, HashError> {
        let stored =
            phc::PasswordHash::new(stored).map_err(|error| HashError::Corrupt(error.into()))?;
        let verdict = self.argon2.verify_password(attempt.expose().as_bytes(), &stored);
        self.done.fetch_add(1, Ordering::Relaxed);
        match verdict {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(HashError::Corrupt(error)),
        }
    }
}

/// Whether a hash took less work than new ones do.
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
    use std::time::Duration;

    use super::*;

    fn password(typed: &str) -> Password {
        Password::parse(typed).unwrap()
    }

    fn attempt(typed: &str) -> PasswordAttempt {
        PasswordAttempt::parse(typed).unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_alone() {
        let hasher = Hasher::default();
        let hash = hasher.hash(&password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(hasher.verify(&attempt("correct horse"), Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&attempt("correct horsf"), Some(&hash)).await.unwrap());
        assert_eq!(hasher.hashes_done(), 3);
    }

    #[tokio::test]
    async fn the_two_ways_of_composing_a_letter_are_one_password() {
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
    async fn an_unknown_account_costs_the_same_and_is_refused() {
        let hasher = Hasher::default();
        assert!(!hasher.verify(&attempt("anything"), None).await.unwrap());
        assert_eq!(hasher.hashes_done(), 1);
        let real = hasher.hash_blocking(&password("anything else")).unwrap();
        let real = phc::PasswordHash::new(&real.0).unwrap();
        let nobody = phc::PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.algorithm, real.algorithm);
        assert_eq!(nobody.version, real.version);
        assert_eq!(nobody.params, real.params);
        assert_eq!(nobody.salt.unwrap().len(), real.salt.unwrap().len());
        assert_eq!(nobody.hash.unwrap().len(), real.hash.unwrap().len());
    }

    #[tokio::test]
    async fn a_corrupt_hash_is_an_error_and_no_wrong_password() {
        let hasher = Hasher::default();
        for corrupt in ["", "hunter2", "$2b$12$abc", "$argon2id$v=19$m=1,t=0,p=1$", "$argon2x$a$b"]
        {
            let stored = PasswordHash(corrupt.to_owned());
            let verdict = hasher.verify(&attempt("anything"), Some(&stored)).await;
            assert!(matches!(verdict, Err(HashError::Corrupt(_))), "{corrupt}: {verdict:?}");
        }
    }

    #[tokio::test]
    async fn what_exceeds_the_bound_waits() {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let permit = hasher.inner.permits.acquire().await.unwrap();
        let (attempt, other) = (attempt("anything"), hasher.clone());
        let waiting = tokio::spawn(async move { other.verify(&attempt, None).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(hasher.hashes_done(), 0);
        drop(permit);
        assert!(!waiting.await.unwrap().unwrap());
        assert_eq!(hasher.hashes_done(), 1);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_permit() {
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
        assert_eq!(hasher.inner.permits.available_permits(), 0);
    }
}

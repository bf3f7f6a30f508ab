//! Argon2id off the async threads. Hashing is slow on purpose, so only a few hashes run at a time, only some
//! more may wait, and everybody else is told to come back: the index is served meanwhile.

use crate::error::{Error, Kind, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use holdfast_types::Password;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep};

/// How many times as long as a hash took the next one waits: with as many turns as half the cores, hashing
/// takes a tenth of the machine at most, however many guess from however many addresses.
const REST: u32 = 4;
/// How many sign-ins may wait for their turn.
const MOST_WAITING: usize = 32;

/// What a hash costs. The default is the least that OWASP's Password Storage Cheat Sheet advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes, which are computed one after the other here.
    pub lanes: u32,
}

impl Default for PasswordCost {
    fn default() -> PasswordCost {
        PasswordCost { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl PasswordCost {
    /// Whether Argon2 accepts it; the sentence says what it wants.
    pub fn check(self) -> Result<(), String> {
        self.params().map(|_| ()).map_err(|error| format!("the cost of passwords cannot be: {error}"))
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, None)
    }
}

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// Right, but hashed at another cost than today's.
    RightButDated,
    Wrong,
}

/// Hashes and verifies passwords.
pub(crate) struct Hasher {
    cost: PasswordCost,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Hasher {
    pub(crate) fn new(cost: PasswordCost) -> Hasher {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Hasher {
            cost,
            turns: Arc::new(Semaphore::new((cores / 2).max(1))),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
        }
    }

    /// The hash of a password with a salt of 16 random bytes.
    pub(crate) async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String> {
        let argon2 = self.argon2()?;
        let hash = move || {
            argon2.hash_password_with_salt(password.reveal().as_bytes(), &salt).map(|hash| hash.to_string())
        };
        self.run(hash).await?.map_err(|e| {
            Error::with_source(Kind::Internal, "the server could not hash the password", e.to_string())
        })
    }

    /// Compares a password with a stored hash. Without one it takes as long and is wrong, so that nobody
    /// learns who has an account.
    pub(crate) async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict> {
        let argon2 = self.argon2()?;
        let cost = self.cost;
        let compare = move || {
            let Some(stored) = stored else {
                let _ = argon2.hash_password_with_salt(password.reveal().as_bytes(), &[0; 16]);
                return Verdict::Wrong;
            };
            let Ok(hash) = PasswordHash::new(&stored) else { return Verdict::Wrong };
            match argon2.verify_password(password.reveal().as_bytes(), &hash) {
                Err(_) => Verdict::Wrong,
                Ok(()) if is_of(&hash, cost) => Verdict::Right,
                Ok(()) => Verdict::RightButDated,
            }
        };
        self.run(compare).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting: OwnedSemaphorePermit = self.waiting.clone().try_acquire_owned().map_err(|_| {
            Error::new(Kind::TooMany, "too many people are signing in at this moment; try again in a minute")
        })?;
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|e| Error::with_source(Kind::Internal, "the server is stopping", e))?;
        drop(waiting);
        let (sender, receiver) = oneshot::channel();
        // A task of its own: a client that goes away takes its turn all the same.
        tokio::spawn(async move {
            let begun = Instant::now();
            if let Ok(result) = tokio::task::spawn_blocking(work).await {
                // An error means that the client went away.
                let _ = sender.send(result);
            }
            sleep(begun.elapsed() * REST).await;
            drop(turn);
        });
        receiver.await.map_err(|e| Error::with_source(Kind::Internal, "the server could not hash", e))
    }

    fn argon2(&self) -> Result<Argon2<'static>> {
        let params = self.cost.params();
        let params = params.map_err(|e| {
            Error::with_source(Kind::Internal, "the cost of passwords cannot be", e.to_string())
        })?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

fn is_of(hash: &PasswordHash, cost: PasswordCost) -> bool {
    Params::try_from(hash).is_ok_and(|params| {
        (params.m_cost(), params.t_cost(), params.p_cost()) == (cost.memory_kib, cost.passes, cost.lanes)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };

    #[tokio::test]
    async fn hashes_verify_and_age() {
        let hasher = Hasher::new(CHEAP);
        let password: Password = "correct horse".parse().unwrap();
        let hash = hasher.hash(password.clone(), [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        let check = async |hasher: &Hasher, password: &str, stored: Option<String>| {
            hasher.verify(password.parse().unwrap(), stored).await.unwrap()
        };
        assert_eq!(check(&hasher, "correct horse", Some(hash.clone())).await, Verdict::Right);
        assert_eq!(check(&hasher, "wrong horse", Some(hash.clone())).await, Verdict::Wrong);
        assert_eq!(check(&hasher, "correct horse", None).await, Verdict::Wrong);
        assert_eq!(check(&hasher, "correct horse", Some("nonsense".to_owned())).await, Verdict::Wrong);
        let dearer = Hasher::new(PasswordCost { passes: 2, ..CHEAP });
        assert_eq!(check(&dearer, "correct horse", Some(hash)).await, Verdict::RightButDated);
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let hasher = Hasher::new(CHEAP);
        let all = hasher.waiting.clone().acquire_many_owned(32).await.unwrap();
        let refused = hasher.hash("correct horse".parse().unwrap(), [7; 16]).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::TooMany);
        drop(all);
        assert!(hasher.hash("correct horse".parse().unwrap(), [7; 16]).await.is_ok());
    }

    #[test]
    fn costs_are_checked() {
        assert!(PasswordCost::default().check().is_ok());
        assert!(PasswordCost { memory_kib: 1, passes: 1, lanes: 1 }.check().is_err());
        assert!(PasswordCost { passes: 0, ..CHEAP }.check().is_err());
    }
}

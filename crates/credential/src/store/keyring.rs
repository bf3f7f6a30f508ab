//! Credentials in the keyring of the system, one entry for each registry. Windows and macOS bring one that every
//! program can use; elsewhere the file serves, since Linux's needs a daemon and a tree of libraries.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};

use super::{Shelf, StoreError, Stored};

/// Whether this system brings a keyring.
pub(super) const IS_NATIVE: bool = cfg!(any(windows, target_os = "macos"));

const SERVICE: &str = "cargo-credential-holdfast";

/// The keyring.
pub(super) struct Keyring {
    store: Arc<CredentialStore>,
}

impl Keyring {
    pub(super) fn of_system() -> Result<Keyring, StoreError> {
        Ok(Keyring { store: native()? })
    }

    fn entry(&self, index: &str) -> Result<Entry, StoreError> {
        self.store.build(SERVICE, index, None).map_err(StoreError::Keyring)
    }
}

impl Shelf for Keyring {
    fn name(&self) -> String {
        "the keyring of this system".to_owned()
    }

    fn load(&self, index: &str) -> Result<Option<Stored>, StoreError> {
        match self.entry(index)?.get_password() {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| StoreError::StrangeEntry),
            Err(Error::NoEntry) => Ok(None),
            Err(Error::BadEncoding(_)) => Err(StoreError::StrangeEntry),
            Err(error) => Err(StoreError::Keyring(error)),
        }
    }

    fn save(&self, index: &str, stored: &Stored) -> Result<(), StoreError> {
        let text = serde_json::to_string(stored).expect("credentials have names as keys");
        self.entry(index)?.set_password(&text).map_err(StoreError::Keyring)
    }

    fn remove(&self, index: &str) -> Result<(), StoreError> {
        match self.entry(index)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(StoreError::Keyring(error)),
        }
    }
}

#[cfg(target_os = "macos")]
fn native() -> Result<Arc<CredentialStore>, StoreError> {
    let store = apple_native_keyring_store::keychain::Store::new().map_err(StoreError::Keyring)?;
    Ok(store)
}

#[cfg(windows)]
fn native() -> Result<Arc<CredentialStore>, StoreError> {
    let store = windows_native_keyring_store::Store::new().map_err(StoreError::Keyring)?;
    Ok(store)
}

#[cfg(not(any(windows, target_os = "macos")))]
fn native() -> Result<Arc<CredentialStore>, StoreError> {
    Err(StoreError::NoKeyring)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::super::tests::keeps;
    use super::*;

    /// The library's own store in memory, since a test must not write into the user's.
    #[test]
    fn a_keyring_keeps_credentials() {
        let keyring = Keyring { store: keyring_core::mock::Store::new().unwrap() };
        keeps(&keyring);
        keyring.entry("odd").unwrap().set_password("{").unwrap();
        assert!(matches!(keyring.load("odd"), Err(StoreError::StrangeEntry)));
    }
}

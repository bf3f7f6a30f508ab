//! Encryption: rustls with `ring`, and the authorities that count.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::{ClientConfig, RootCertStore};

use super::DirectoryConfigError;

/// For connections to hosts whose certificates come from the authorities of a file, or from the system's.
pub(super) fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, DirectoryConfigError> {
    let certificates = match ca_file {
        Some(file) => of_file(file)
            .map_err(|source| DirectoryConfigError::Authorities { file: file.to_owned(), source })?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(DirectoryConfigError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions");
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(Error::NoItemsFound) } else { Ok(certificates) }
}

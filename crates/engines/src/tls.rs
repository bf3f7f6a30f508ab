//! How connections to databases are encrypted: rustls with `ring`, and the certificates that count.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::pool::Fault;

/// The certificates of a file, or those of the system.
pub(crate) fn roots(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        return if found.certs.is_empty() { Err(NoRoots.into()) } else { Ok(found.certs) };
    };
    let unreadable = |source| Unreadable { file: file.display().to_string(), source };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect();
    let certificates = certificates.map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound).into());
    }
    Ok(certificates)
}

/// `ring`, which a driver that asks for the default of the process gets too.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let provider = rustls::crypto::ring::default_provider();
    // An error says that there is one already.
    drop(provider.clone().install_default());
    Arc::new(provider)
}

#[derive(Debug, thiserror::Error)]
#[error("the system has no certificates of authorities; name a file of them in the URL")]
struct NoRoots;

#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificates in `{file}`")]
struct Unreadable {
    file: String,
    source: rustls::pki_types::pem::Error,
}

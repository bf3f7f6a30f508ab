//! Having the system send a file, which saves copying it twice. Elsewhere than on Linux, files go the general
//! way.

use super::request::Plain;
use crate::download;
use crate::hot::Hot;
use crate::layers::within;
use crate::pulse::Pulse;
use crate::web::Shared;
use holdfast_registry::{Actor, OpenDownload};
use http::header::{IF_NONE_MATCH, RANGE};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The open file that a plain download asks for; `None` for everything that the general way knows better.
pub(super) async fn find(
    shared: &Shared,
    plain: &Plain<'_>,
    digest: Option<holdfast_types::Sha256>,
    client: Option<IpAddr>,
) -> Option<(OpenDownload, String)> {
    let Hot::Download(registry, krate, version) = plain.hot else { return None };
    if !cfg!(target_os = "linux") || plain.values(&RANGE).chain(plain.values(&IF_NONE_MATCH)).next().is_some()
    {
        return None;
    }
    let (registry, krate, version) = (registry.parse().ok()?, krate.parse().ok()?, version.parse().ok()?);
    let actor = match digest {
        None => Actor::anonymous(client),
        Some(digest) => shared.holdfast.authenticate_digest(digest, client).await.ok()?,
    };
    let found = shared.holdfast.open_download(&actor, &registry, &krate, &version).await.ok()??;
    Some((found, download::file_name(&krate, &version)))
}

/// Sends a head and then a file.
#[cfg(target_os = "linux")]
pub(super) async fn send(
    stream: &TcpStream,
    pulse: &Pulse,
    idle: Duration,
    mut head: &[u8],
    file: &holdfast_blobs::BlobFile,
) -> io::Result<()> {
    use rustix::net::SendFlags;
    use tokio::io::Interest;

    /// The most bytes of one call, so that other connections of the thread have their turn.
    const AT_ONCE_BYTES: u64 = 1024 * 1024;

    while !head.is_empty() {
        // More follows at once: the head shall not leave in a packet of its own.
        let send = || Ok(rustix::net::send(stream, head, SendFlags::MORE | SendFlags::NOSIGNAL)?);
        let bytes = within(idle, stream.async_io(Interest::WRITABLE, send)).await??;
        pulse.sent(bytes);
        head = &head[bytes..];
    }
    let mut offset = 0;
    while offset < file.size_bytes {
        let count = usize::try_from((file.size_bytes - offset).min(AT_ONCE_BYTES)).unwrap_or(usize::MAX);
        let mut at = offset;
        let send = || Ok(rustix::fs::sendfile(stream, &*file.file, Some(&mut at), count)?);
        let bytes = within(idle, stream.async_io(Interest::WRITABLE, send)).await??;
        if bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a stored file is shorter than it was"));
        }
        pulse.sent(bytes);
        offset += bytes as u64;
        tokio::task::consume_budget().await;
    }
    Ok(())
}

/// Never called: [`find`] finds nothing here.
#[cfg(not(target_os = "linux"))]
pub(super) async fn send(
    _: &TcpStream,
    _: &Pulse,
    _: Duration,
    _: &[u8],
    _: &holdfast_blobs::BlobFile,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

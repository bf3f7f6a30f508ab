//! Having the system send a file, which saves copying it twice. Elsewhere than on Linux, files go the general
//! way.

use super::request::Plain;
use super::socket;
use crate::download;
use crate::hot::Hot;
use crate::layers::within;
use crate::pulse::Pulse;
use holdfast_registry::{Holdfast, Moment, OpenDownload, Visit};
use holdfast_types::Sha256;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// The open file that a plain download asks for; `None` for everything that the general way knows better.
pub(super) async fn find(
    holdfast: &Holdfast,
    plain: &Plain<'_>,
    visit: &mut Visit,
    digest: Option<Sha256>,
    moment: Moment,
) -> Option<(OpenDownload, String)> {
    let Hot::Download(registry, krate, version) = plain.hot else { return None };
    let is_whole = plain.fields.range.is_none() && plain.fields.if_none_match.is_none();
    if !cfg!(target_os = "linux") || !is_whole {
        return None;
    }
    let (krate, version) = (krate.parse().ok()?, version.parse().ok()?);
    let (actor, registry) = holdfast.welcome(visit, digest, registry, moment).await.ok()?;
    let found = holdfast.open_download(actor, registry, &krate, &version).await.ok()??;
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
        let bytes = within(idle, socket::send(stream, head, SendFlags::MORE)).await??;
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

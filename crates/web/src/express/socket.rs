//! Reading and writing by plain system calls. Those of the C library can be cancelled by other threads, which nobody
//! does here, and which costs as much as parsing a request.

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags};
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A client that is gone is an error of the call and no signal to the process. (Elsewhere than on Linux there is no
/// such flag; Rust's programs ignore that signal anyway.)
#[cfg(target_os = "linux")]
const WITHOUT_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const WITHOUT_SIGNAL: SendFlags = SendFlags::empty();

/// Reads what there is into the room that is left in `input`; nothing means the end.
pub(super) fn poll_receive(
    stream: &TcpStream,
    context: &mut Context<'_>,
    input: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let room_bytes = input.capacity() - input.len();
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut received = None;
        let outcome = stream.try_io(Interest::READABLE, || {
            let (bytes, _) = rustix::net::recv(stream, spare_capacity(input), RecvFlags::empty())?;
            received = Some(bytes);
            // There was no more, so the next call would block: what the system has to say comes as an event.
            if 0 < bytes && bytes < room_bytes { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (received, outcome) {
            (Some(bytes), _) => return Poll::Ready(Ok(bytes)),
            (None, Err(error)) if error.kind() != ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            (None, _) => {}
        }
    }
}

/// Writes what the system takes of some bytes.
pub(super) async fn send(stream: &TcpStream, bytes: &[u8], flags: SendFlags) -> io::Result<usize> {
    let send = || Ok(rustix::net::send(stream, bytes, flags | WITHOUT_SIGNAL)?);
    stream.async_io(Interest::WRITABLE, send).await
}

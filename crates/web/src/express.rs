//! The express lane: a connection's plain reads, answered without the HTTP library.
//!
//! Cargo sends index and download requests by the hundred over one or two connections, and the library's
//! general way costs more than everything that we do for one. So each connection begins here: a request that
//! is [`Hot`] and plain (GET, HTTP/1.1, no body) is answered from the same operations as everywhere, in one
//! system call. At the first request that is anything else, the connection goes over to the library for good,
//! together with the bytes that were already read. The library's own parser is used here too.
//!
//! There are two ways through: an index file that is there is written straight from the cache; every other
//! answer, and every failure, is made by [`Web::answer_hot`] as for the library.

mod file;
mod request;
mod response;
mod socket;

use self::request::{Fields, Head, Plain};
use crate::conditional::{lists_gzip, names};
use crate::hot::{Hot, is_plain};
use crate::layers::{Class, Line, within};
use crate::pulse::{Beat, Pulse};
use crate::serve::{FAREWELL, Server};
use crate::{WebBody, extract, sparse};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use holdfast_registry::Visit;
use holdfast_types::Sha256;
use http::{Method, Response, StatusCode, Uri};
use rustix::net::SendFlags;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Larger heads are not plain.
const MOST_HEAD_BYTES: usize = 8 * 1024;

/// Room for what comes next: a usual request.
const LEAST_ROOM_BYTES: usize = 1024;

/// How the lane ended.
pub(crate) enum End {
    /// The connection is over.
    Closed,
    /// The next request, which begins with these bytes, is for the library.
    GoesOver(TcpStream, Bytes),
}

/// What becomes of a connection after a request.
enum Next {
    Stays,
    Ends,
    /// The request was not answered: it is for the library.
    GoesOver,
}

/// A connection in the lane.
struct Lane<'a> {
    server: &'a Server,
    pulse: &'a Pulse,
    peer: Option<IpAddr>,
    stream: TcpStream,
    output: Vec<u8>,
    /// The last credentials, and the digest of the token in them: clients send the same ones each time.
    credentials: (Vec<u8>, Option<Sha256>),
    /// Whom that token led to, and where they read.
    visit: Visit,
    look: Pin<Box<Sleep>>,
    last: Beat,
    /// Whether a request was just answered, after which the timers need not be asked again.
    is_fresh: bool,
    /// Whether the timers were asked before.
    is_listening: bool,
    /// Whether the server ends, and the look is the end of the farewell.
    is_leaving: bool,
}

/// Answers plain reads until the connection ends or something else comes.
pub(crate) async fn run(
    server: &Server,
    pulse: &Pulse,
    peer: Option<IpAddr>,
    stream: TcpStream,
) -> io::Result<End> {
    let idle = server.options.idle_timeout;
    let mut input = Vec::with_capacity(LEAST_ROOM_BYTES);
    let mut lane = Lane {
        server,
        pulse,
        peer,
        stream,
        output: Vec::with_capacity(512),
        credentials: (Vec::new(), None),
        visit: Visit::new(peer.map(|peer| peer.to_canonical())),
        look: Box::pin(sleep(idle)),
        last: Beat::default(),
        is_fresh: false,
        is_listening: false,
        is_leaving: false,
    };
    let mut is_ending = server.is_ending.clone();
    let mut ending = pin!(async move {
        // An error means that whoever would tell is gone.
        let _ = is_ending.wait_for(|is_ending| *is_ending).await;
    });
    loop {
        let head_bytes = match request::parse(&input, &server.web) {
            Head::Partial if input.len() < MOST_HEAD_BYTES => {
                if !lane.read(&mut input, ending.as_mut()).await? {
                    return Ok(End::Closed);
                }
                continue;
            }
            Head::Partial | Head::Other => return Ok(End::GoesOver(lane.stream, input.into())),
            Head::Plain(plain) => match lane.answer(&plain).await? {
                Next::Stays => plain.head.len(),
                Next::Ends => return Ok(End::Closed),
                Next::GoesOver => return Ok(End::GoesOver(lane.stream, input.into())),
            },
        };
        input.drain(..head_bytes);
    }
}

impl Lane<'_> {
    /// Reads more; `false` when there is no more, the client stood still, or the server ends.
    async fn read(
        &mut self,
        input: &mut Vec<u8>,
        mut ending: Pin<&mut impl Future<Output = ()>>,
    ) -> io::Result<bool> {
        let Lane { server, pulse, stream, look, last, is_fresh, is_listening, is_leaving, .. } = self;
        let is_idle = input.is_empty();
        input.reserve(LEAST_ROOM_BYTES);
        std::future::poll_fn(|context| {
            if let Poll::Ready(read) = socket::poll_receive(stream, context, input) {
                return Poll::Ready(read.map(|bytes| bytes > 0));
            }
            // The timer and the end know this task once they were asked. After that they need an ear only when
            // they have something to say; the end is looked at above.
            if std::mem::take(is_fresh) && *is_listening && !look.is_elapsed() && !server.has_ended() {
                return Poll::Pending;
            }
            *is_listening = true;
            // Whoever tells of the end has said so before, so the telling is asked once only.
            let has_ended = server.has_ended() || ending.as_mut().poll(context).is_ready();
            if has_ended && is_idle && !std::mem::replace(is_leaving, true) {
                look.as_mut().reset(Instant::now() + FAREWELL);
            }
            while look.as_mut().poll(context).is_ready() {
                // A request whose head has begun to come is waited for as usual.
                let is_over = if std::mem::take(is_leaving) { is_idle } else { pulse.has_stopped(last) };
                if is_over {
                    return Poll::Ready(Ok(false));
                }
                look.as_mut().reset(Instant::now() + server.options.idle_timeout);
            }
            Poll::Pending
        })
        .await
    }

    /// Answers a request, unless its path turns out not to be plain.
    async fn answer(&mut self, plain: &Plain<'_>) -> io::Result<Next> {
        self.pulse.asked();
        let is_last = self.server.has_ended();
        if let Hot::Index(registry, path) = plain.hot
            && let Some(body) = self.index(plain, registry, path, is_last).await
        {
            self.pulse.answered();
            self.send(body).await?;
        } else if !self.send_file(plain, is_last).await? {
            if !is_plain(plain.path) {
                // The library counts it once more.
                self.pulse.answered();
                return Ok(Next::GoesOver);
            }
            let web = &self.server.web;
            // The address of the server is in the headers: a plain request names a path only.
            let uri = Uri::from_static("/");
            let headers = plain.header_map();
            let response =
                web.answer_hot(self.peer, plain.hot, &Method::GET, plain.path, &uri, &headers).await;
            self.pulse.answered();
            self.send_response(response, is_last).await?;
        }
        self.is_fresh = true;
        Ok(if is_last { Next::Ends } else { Next::Stays })
    }

    /// Writes the head for an index file that is there, and gives its body. `None` leaves the request to the
    /// general way, which also knows how to say what is wrong.
    async fn index(&mut self, plain: &Plain<'_>, registry: &str, path: &str, is_last: bool) -> Option<Bytes> {
        let digest = self.digest(plain)?;
        let shared = self.server.web.shared();
        let _in_flight = shared.metrics.begin();
        let moment = shared.holdfast.outside().moment();
        let found = pin!(sparse::find(&shared.holdfast, &mut self.visit, digest, registry, path, moment));
        let (file, is_private) = within(shared.settings.request_timeout, found).await.ok()??;
        let Fields { if_none_match, accept_encoding, .. } = plain.fields;
        let has_already = if_none_match.is_some_and(|value| names(value, &file.etag));
        let (status, body, is_gzip) = match &file.gzip {
            _ if has_already => (StatusCode::NOT_MODIFIED, Bytes::new(), false),
            Some(gzip) if lists_gzip(accept_encoding) => (StatusCode::OK, gzip.clone(), true),
            _ => (StatusCode::OK, file.body.clone(), false),
        };
        response::write_index_head(
            &mut self.output,
            &file.etag,
            is_private,
            is_gzip,
            body.len(),
            status,
            is_last,
            moment.unix_millis / 1000,
        );
        let elapsed = shared.holdfast.outside().age(moment.instant);
        shared.metrics.answered(Class::Index, status, elapsed, body.len() as u64);
        Some(body)
    }

    /// Answers a download by having the system send the file; `false` leaves it to the general way.
    async fn send_file(&mut self, plain: &Plain<'_>, is_last: bool) -> io::Result<bool> {
        let Some(digest) = self.digest(plain) else { return Ok(false) };
        let shared = self.server.web.shared();
        let moment = shared.holdfast.outside().moment();
        let found = pin!(file::find(&shared.holdfast, plain, &mut self.visit, digest, moment));
        let found = within(shared.settings.request_timeout, found).await;
        let Ok(Some((found, name))) = found else { return Ok(false) };
        let _in_flight = shared.metrics.begin();
        response::write_file_head(&mut self.output, &found, &name, is_last, moment.unix_millis / 1000);
        let elapsed = shared.holdfast.outside().age(moment.instant);
        shared.metrics.answered(Class::Download, StatusCode::OK, elapsed, found.file.size_bytes);
        self.pulse.answered();
        let idle = self.server.options.idle_timeout;
        file::send(&self.stream, self.pulse, idle, &self.output, &found.file).await?;
        self.output.clear();
        Ok(true)
    }

    /// The digest of the client's token, if it has one. `None` where saying who it is takes more than that: a
    /// proxy's word on the client has to be read in full, and so has everything that is to be logged.
    #[expect(clippy::option_option, reason = "no token and nothing that can be told are two things")]
    fn digest(&mut self, plain: &Plain<'_>) -> Option<Option<Sha256>> {
        let peer = self.peer.map(|peer| peer.to_canonical());
        if peer.is_some_and(|peer| self.server.web.trusts(peer)) || Line::is_debug_enabled() {
            return None;
        }
        let Some(value) = plain.fields.authorization else { return Some(None) };
        if self.credentials.0 != value {
            let secret =
                http::HeaderValue::from_bytes(value).ok().and_then(|value| extract::secret(&value).ok());
            self.credentials = (value.to_vec(), secret.map(|secret| secret.digest()));
        }
        self.credentials.1.map(Some)
    }

    async fn send_response(&mut self, response: Response<WebBody>, is_last: bool) -> io::Result<()> {
        let now = self.server.web.unix_millis() / 1000;
        response::write_head(&mut self.output, &response, is_last, now);
        match response.into_body() {
            WebBody::Empty | WebBody::Routed(_) => self.send(Bytes::new()).await,
            WebBody::Whole(bytes) => self.send(bytes).await,
            WebBody::Chunks(mut chunks) => {
                self.send(Bytes::new()).await?;
                while let Some(chunk) = chunks.next().await {
                    self.send(chunk.map_err(io::Error::other)?).await?;
                }
                Ok(())
            }
        }
    }

    /// Sends what is in the output, and then some bytes, with as few system calls as it takes.
    async fn send(&mut self, mut body: Bytes) -> io::Result<()> {
        /// A smaller body is cheaper to copy than to send from a place of its own.
        const COPIED_BYTES: usize = 4096;
        if body.len() <= COPIED_BYTES {
            self.output.extend_from_slice(&body);
            body.clear();
        }
        let idle = self.server.options.idle_timeout;
        let mut sent = 0;
        while sent < self.output.len() {
            let parts = (&self.output[sent..], &body[..]);
            let bytes = written(&mut self.stream, self.pulse, idle, parts).await?;
            let of_head = bytes.min(self.output.len() - sent);
            sent += of_head;
            body.advance(bytes - of_head);
        }
        self.output.clear();
        while body.has_remaining() {
            let bytes = written(&mut self.stream, self.pulse, idle, (&body, &[])).await?;
            body.advance(bytes);
        }
        Ok(())
    }
}

/// Writes what the client takes of a head and a body; fails when it takes nothing for too long.
async fn written(
    stream: &mut TcpStream,
    pulse: &Pulse,
    idle: Duration,
    (head, body): (&[u8], &[u8]),
) -> io::Result<usize> {
    // One part costs the system less than a list of one.
    let bytes = if body.is_empty() {
        within(idle, pin!(socket::send(stream, head, SendFlags::empty()))).await??
    } else {
        within(idle, stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])).await??
    };
    if bytes == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    pulse.sent(bytes);
    Ok(bytes)
}

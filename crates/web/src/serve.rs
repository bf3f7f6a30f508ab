//! The accept loop: HTTP/1.1 over TCP. TLS and HTTP/2 are a proxy's work; offers to upgrade are ignored.
//!
//! Connections are spread over threads that each have an event loop of their own, as static file servers do:
//! a request then never crosses from one core to another, which would cost more than answering it.

use crate::express;
use crate::pulse::{Beat, Counted, Pulse};
use crate::web::Web;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, timeout};

/// How long a connection without a request is kept open at the end, for what its client may have sent before it
/// can know: the answer then says that the connection closes.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;

/// How [`serve`] treats connections.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// How long a connection may neither send a request nor take a response: at least this, at most twice.
    pub idle_timeout: Duration,
    /// How many connections may be open; more wait to be accepted.
    pub max_connections: usize,
    /// How long requests in flight are waited for at the end.
    pub shutdown_timeout: Duration,
    /// How many threads answer requests.
    pub threads: usize,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        let half_a_minute = Duration::from_secs(30);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        ServeOptions {
            idle_timeout: half_a_minute,
            max_connections: 4096,
            shutdown_timeout: half_a_minute,
            threads,
        }
    }
}

/// What all connections share.
pub(crate) struct Server {
    pub(crate) web: Web,
    pub(crate) options: ServeOptions,
    pub(crate) is_ending: watch::Receiver<bool>,
    connections: Arc<Semaphore>,
    has_ended: AtomicBool,
}

/// A connection on its way to the thread that will answer it.
struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Server {
    /// Whether connections should end after the request that they are at.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// The threads that answered requests. Dropping this ends them, with whatever they still do.
///
/// Connections to a database live where they were opened, which may be one of these threads: whoever still has
/// something to write keeps them until then.
#[must_use = "dropping it ends the threads, and the database connections that were opened there"]
#[derive(Debug)]
pub struct Threads {
    _over: watch::Sender<()>,
}

/// Serves a web on sockets until `shutdown` is over and the requests in flight are answered, or the time for
/// them is.
pub async fn serve(
    listeners: Vec<TcpListener>,
    web: Web,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Threads> {
    let (end, is_ending) = watch::channel(false);
    let (over, is_over) = watch::channel(());
    let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let (mut threads, mut queues) = (Vec::new(), Vec::new());
    for _ in 0..options.threads.max(1) {
        let (sender, queue) = mpsc::unbounded_channel();
        threads.push(sender);
        queues.push(queue);
    }
    let connections = Arc::new(Semaphore::new(most));
    let has_ended = AtomicBool::new(false);
    let server = Arc::new(Server { web, options, is_ending, connections, has_ended });
    for (number, queue) in queues.into_iter().enumerate() {
        start_thread(server.clone(), number, queue, is_over.clone())?;
    }
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(server.clone(), threads.clone(), listener));
    }
    drop(threads);
    shutdown.await;
    // Ends the loops, and tells every connection to answer what it has begun or is about to hear, and close.
    server.has_ended.store(true, Ordering::Relaxed);
    end.send_replace(true);
    while loops.join_next().await.is_some() {}
    let every = u32::try_from(most).unwrap_or(u32::MAX);
    if timeout(options.shutdown_timeout, server.connections.acquire_many(every)).await.is_err() {
        let open = most - server.connections.available_permits();
        tracing::warn!(connections = open, "some requests were not answered in time for the shutdown");
    }
    Ok(Threads { _over: over })
}

/// Starts a thread with an event loop of its own. It ends when no more connections can come and `is_over` is
/// closed; what it still does by then is cut off.
fn start_thread(
    server: Arc<Server>,
    number: usize,
    mut queue: mpsc::UnboundedReceiver<Accepted>,
    mut is_over: watch::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = async move {
        while let Some(Accepted { stream, peer, permit }) = queue.recv().await {
            match TcpStream::from_std(stream) {
                Ok(stream) => {
                    tokio::spawn(converse(server.clone(), stream, peer, permit));
                }
                Err(error) => tracing::warn!(error = %error, "a connection could not be taken over"),
            }
        }
        // Nothing is ever sent: an error means that the time for requests in flight is over.
        let _ = is_over.changed().await;
    };
    let thread = std::thread::Builder::new().name(format!("holdfast-web-{number}"));
    thread.spawn(move || runtime.block_on(serve)).map(drop)
}

/// Accepts connections on one socket.
async fn accept(server: Arc<Server>, threads: Vec<mpsc::UnboundedSender<Accepted>>, listener: TcpListener) {
    let mut is_ending = server.is_ending.clone();
    let mut ended = pin!(async move {
        // An error means that whoever would tell is gone.
        let _ = is_ending.wait_for(|is_ending| *is_ending).await;
    });
    let mut turn = 0_usize;
    loop {
        let next = async {
            let permit = server.connections.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut ended => break,
            next = next => next,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return };
        match accepted {
            Ok((stream, peer)) => match stream.into_std() {
                Ok(stream) => {
                    // A thread that is gone takes no more; the connection closes.
                    let _ = threads[turn % threads.len()].send(Accepted { stream, peer, permit });
                    turn = turn.wrapping_add(1);
                }
                Err(error) => tracing::debug!(error = %error, "a connection ended before it began"),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "no connection can be accepted now; is the limit of open files too low?");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    if let Err(error) = accept_last(&server, &threads, listener) {
        tracing::warn!(error = %error, "some connections could not be accepted at the end");
    }
}

/// Takes over the connections that the system has accepted for us already: their clients may have sent requests.
/// Whoever comes after that is refused.
fn accept_last(
    server: &Server,
    threads: &[mpsc::UnboundedSender<Accepted>],
    listener: TcpListener,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    for turn in 0.. {
        let Ok(permit) = server.connections.clone().try_acquire_owned() else { break };
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        let _ = threads[turn % threads.len()].send(Accepted { stream, peer, permit });
    }
    Ok(())
}

/// Whether an error of accepting is about the one connection, which went away before.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection to its end.
async fn converse(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    // Answers leave at once: cargo sends hundreds of small requests one after the other.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection ended before it began");
        return;
    }
    let pulse = Arc::new(Pulse::default());
    let address = Some(peer.ip());
    let (stream, already) = match express::run(&server, &pulse, address, stream).await {
        Ok(express::End::GoesOver(stream, already)) => (stream, already),
        Ok(express::End::Closed) => return,
        Err(error) => {
            tracing::debug!(error = %error, peer = %peer, "a connection broke off");
            return;
        }
    };
    Box::pin(converse_at_length(server, stream, already, pulse, peer)).await;
    drop(permit);
}

/// Serves the rest of a connection through the HTTP library.
async fn converse_at_length(
    server: Arc<Server>,
    stream: TcpStream,
    already: Bytes,
    pulse: Arc<Pulse>,
    peer: SocketAddr,
) {
    let address = Some(peer.ip());
    let service = service_fn(|request| {
        let (server, web, pulse) = (&server, &server.web, &*pulse);
        pulse.asked();
        async move {
            let mut response = web.answer(address, request).await;
            if server.has_ended() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            pulse.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(Counted::new(stream, already, pulse.clone()));
    let mut connection = pin!(
        http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .header_read_timeout(None)
            .serve_connection(stream, service)
    );
    let idle_timeout = server.options.idle_timeout;
    let mut looks = interval_at(Instant::now() + idle_timeout, idle_timeout);
    let mut last = Beat::default();
    let mut is_ending = server.is_ending.clone();
    let mut farewell = pin!(async move {
        // An error means that whoever would tell is gone.
        let _ = is_ending.wait_for(|is_ending| *is_ending).await;
        sleep(FAREWELL).await;
    });
    let mut is_open = true;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(error = %error, peer = %peer, "a connection broke off");
                }
                break;
            }
            _ = looks.tick() => if pulse.has_stopped(&mut last) {
                tracing::debug!(peer = %peer, "a connection stood still and was closed");
                break;
            },
            () = farewell.as_mut(), if is_open => {
                is_open = false;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

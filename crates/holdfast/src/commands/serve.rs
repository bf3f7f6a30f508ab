//! `holdfast serve`.

use std::sync::Arc;
use std::time::Duration;

use holdfast_registry::{Actor, Holdfast};
use holdfast_types::TokenSecret;
use holdfast_web::{ServeOptions, Web, WebSettings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::application::{self, Purpose};
use crate::failure::Failure;
use crate::options::Config;
use crate::terminal::Terminal;

/// How long background work may take to end after the last request did.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves until the process is told to stop.
pub(super) async fn run(config: &Config, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    raise_file_limit();
    let listeners = bind(config).await?;
    let holdfast = application::open(config, Purpose::Serve).await?;
    let first = holdfast.start(application::bootstrap_token(config)?.as_ref()).await?;
    let base = public_base(config, &listeners)?;
    terminal.line(format!("Holdfast is serving on {base}"))?;
    if first.created {
        welcome(&holdfast, &base, first.token.as_ref(), terminal).await?;
    }
    let (stop, stopped) = watch::channel(false);
    let background = tokio::spawn({
        let (holdfast, stopped) = (holdfast.clone(), stopped);
        async move { holdfast.run_background(stopped).await }
    });
    let web = Web::new(holdfast, web_settings(config));
    let served = holdfast_web::serve(listeners, web, serve_options(config), stop_signal()?).await;
    stop.send_replace(true);
    if tokio::time::timeout(BACKGROUND_TIMEOUT, background).await.is_err() {
        tracing::warn!("background work did not end in time");
    }
    tracing::info!("stopped");
    // Until here: background work may use database connections that live on these threads.
    served.map(drop).map_err(|error| Failure::because(&error))
}

/// Lets the process open as many files as it may at most: a connection is one, and shells start programs with
/// a limit of 1024.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(error = %error, "the limit of open files could not be raised");
    }
}

async fn bind(config: &Config) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for address in &config.listen {
        let bound = TcpListener::bind((address.host(), address.port())).await;
        listeners.push(bound.map_err(|error| {
            Failure::new(format!("cannot serve on `{}:{}`: {error}", address.host(), address.port()))
                .hint("choose another address with `--listen HOST:PORT`")
        })?);
    }
    Ok(listeners)
}

/// The address to show to people: the configured one, or the one that is served on.
fn public_base(config: &Config, listeners: &[TcpListener]) -> Result<String, Failure> {
    if let Some(url) = &config.public_url {
        return Ok(url.as_str().to_owned());
    }
    let first = listeners.first().ok_or_else(|| Failure::new("no address to serve on"))?;
    let address = first.local_addr().map_err(|error| Failure::because(&error))?;
    let port = address.port();
    Ok(if address.ip().is_unspecified() {
        format!("http://localhost:{port}")
    } else {
        format!("http://{address}")
    })
}

/// What a person needs after the first start, ready to paste.
async fn welcome(
    holdfast: &Holdfast,
    base: &str,
    token: Option<&TokenSecret>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    terminal.line("\nThis is its first start. Put this into .cargo/config.toml:\n")?;
    terminal.line("    [registry]\n    global-credential-providers = [\"cargo:token\"]")?;
    for record in holdfast.list_registries(&Actor::operator()).await? {
        let name = &record.name;
        terminal.line(format!("\n    [registries.{name}]\n    index = \"sparse+{base}/r/{name}/index/\""))?;
    }
    let Some(token) = token else {
        return terminal.line("\nThe user `admin` has the token of HOLDFAST_BOOTSTRAP_TOKEN.\n");
    };
    terminal.line("\nThen log in as `admin`. The token is shown this once:\n")?;
    terminal.line(format!("    echo {} | cargo login --registry main\n", token.reveal()))
}

fn web_settings(config: &Config) -> WebSettings {
    let trusted = config.trusted_proxies.clone();
    WebSettings {
        public_url: config.public_url.as_ref().map(|url| url.as_str().to_owned()),
        is_trusted_proxy: Arc::new(move |address| trusted.iter().any(|range| range.contains(address))),
        request_timeout: config.request_timeout,
        ..WebSettings::default()
    }
}

fn serve_options(config: &Config) -> ServeOptions {
    ServeOptions {
        idle_timeout: config.request_timeout,
        max_connections: usize::try_from(config.max_connections.get()).unwrap_or(usize::MAX),
        shutdown_timeout: config.shutdown_timeout,
        ..ServeOptions::default()
    }
}

/// Ends when the process is asked to stop, by SIGTERM or Ctrl-C.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(format!("cannot listen for signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests in flight may finish");
    })
}

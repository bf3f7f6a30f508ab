//! The yardstick: Debian's nginx on static files, tuned as its own manual advises for this work.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::Client;
use crate::packages;
use crate::processes::Running;

/// A running nginx with a folder of its own.
pub(super) struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    running: Running,
}

/// Files to serve: the path below the root, and the bytes.
pub(super) type Files<'a> = &'a [(&'a str, &'a [u8])];

impl Nginx {
    /// Starts nginx in `folder` on `files`, and waits until it answers.
    pub(super) fn start(folder: &Path, files: Files<'_>) -> Result<Nginx> {
        let site = folder.join("site");
        for (path, bytes) in files {
            let path = site.join(path);
            std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            std::fs::write(path, bytes)?;
        }
        let address = free_address()?;
        let configuration = folder.join("nginx.conf");
        std::fs::write(&configuration, configure(folder, address))?;
        let mut command = Command::new(program()?);
        command.arg("-e").arg(folder.join("error.log")).arg("-p").arg(folder).arg("-c").arg(&configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut running = Running::start(&mut command, "nginx")?;
        wait_for(&mut running, address)?;
        Ok(Nginx { address, running })
    }

    /// The master process; its workers are its children.
    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

fn program() -> Result<PathBuf> {
    packages::find("nginx").context("`nginx` is missing, install the package `nginx`")
}

/// An address of this machine that nobody listens on.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn wait_for(running: &mut Running, address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Client::connect(address).is_err() {
        running.check_alive()?;
        if Instant::now() > deadline {
            bail!("nginx does not listen on {address} after ten seconds");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Two workers, each with its own accept queue, open files cached, nothing logged, connections kept for ever.
/// Each size of file goes out in the way that was measured as nginx's fastest: index files with their headers
/// in one write, crate files by sendfile, and with the head in its first packet until they are long.
fn configure(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let user = if packages::is_root() { "user root;" } else { "" };
    format!(
        r#"{user}
daemon off;
pid "{folder}/nginx.pid";
worker_processes 2;
worker_rlimit_nofile 4096;
events {{
    worker_connections 1024;
    multi_accept on;
    use epoll;
}}
http {{
    access_log off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    types {{ }}
    default_type application/octet-stream;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    reset_timedout_connection on;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    open_file_cache_errors on;
    server {{
        listen {address} reuseport;
        root "{folder}/site";
        location /index/ {{
            sendfile off;
            default_type text/plain;
        }}
        location /index-gzip/ {{
            sendfile off;
            gzip_static on;
            default_type text/plain;
        }}
        location /large/ {{
            tcp_nopush off;
        }}
    }}
}}
"#
    )
}

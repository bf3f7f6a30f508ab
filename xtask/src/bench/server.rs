//! A registry under test: the release binary on a folder and a port of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::{Answer, Client};
use super::krate::{Krate, index_path};
use super::nginx::free_address;
use super::plan::TOKEN;
use crate::processes::Running;

/// How long a server may take before it is given up. Far above the target, so that a miss is measured.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running registry.
pub(super) struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
    running: Running,
}

impl Server {
    /// Starts `binary` on the folder `data` with nothing inherited from this environment's settings. Requests
    /// are not logged, as they are not by the nginx beside it; warnings go to a file next to the data.
    pub(super) fn start(binary: &Path, data: &Path) -> Result<Server> {
        let address = free_address()?;
        let log_path = data.with_extension("log");
        let log = File::create(&log_path)?;
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HOLDFAST_") {
                command.env_remove(name);
            }
        }
        command.arg("serve").arg("--data").arg(data).arg("--listen").arg(address.to_string());
        command.env("HOLDFAST_BOOTSTRAP_TOKEN", TOKEN).env("HOLDFAST_LOG", "warn");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = Instant::now();
        let mut running = Running::start(&mut command, "holdfast serve")?;
        let ready = wait_until_ready(&mut running, address, started);
        let ready_after = ready.with_context(|| {
            let text = std::fs::read_to_string(&log_path).unwrap_or_default();
            format!("the server did not become ready, it printed: {}", text.trim())
        })?;
        Ok(Server { address, ready_after, running })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// A new connection to it.
    pub(super) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// A server may serve first and index later: waits until at least so many crates can be found.
    pub(super) fn wait_until_searchable(&self, crates: u32) -> Result<Duration> {
        const LONGEST: Duration = Duration::from_mins(10);
        let started = Instant::now();
        loop {
            let page = fetch(&mut self.client()?, "/metrics", &[])?;
            let page = String::from_utf8_lossy(&page.body);
            let count = page.lines().find_map(|line| line.strip_prefix("holdfast_searchable_crates "));
            if count.and_then(|count| count.parse().ok()).is_some_and(|count: u32| crates <= count) {
                return Ok(started.elapsed());
            }
            if started.elapsed() > LONGEST {
                bail!("only {} crates can be found after {} s", count.unwrap_or("no"), LONGEST.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The sum of all numbers on the page of metrics whose line holds `words`.
    pub(super) fn metric(&self, words: &str) -> Result<u64> {
        let page = fetch(&mut self.client()?, "/metrics", &[])?;
        let page = String::from_utf8_lossy(&page.body);
        let lines = page.lines().filter(|line| !line.starts_with('#') && line.contains(words));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Publishes `krate`, which must succeed.
    pub(super) fn publish(&self, krate: &Krate<'_>) -> Result<()> {
        publish(&mut self.client()?, &krate.frame()?)
    }
}

fn wait_until_ready(running: &mut Running, address: SocketAddr, started: Instant) -> Result<Duration> {
    loop {
        let answer = Client::connect(address).and_then(|mut client| client.get("/readyz", &[]));
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok(started.elapsed());
        }
        running.check_alive()?;
        if started.elapsed() > PATIENCE {
            bail!("`/readyz` does not answer 200 after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends one publish frame and waits for its success.
pub(super) fn publish(client: &mut Client, frame: &[u8]) -> Result<()> {
    let answer = client.put("/r/main/api/v1/crates/new", &[("Authorization", TOKEN)], frame)?;
    let answer = answer.expect(200, "publish")?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).context("publish answers JSON")?;
    if body.get("errors").is_some() {
        bail!("publish was refused: {body}");
    }
    Ok(())
}

/// `GET path` with the token, which must answer 200.
pub(super) fn fetch(client: &mut Client, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut all = vec![("Authorization", TOKEN)];
    all.extend(headers);
    client.get(path, &all)?.expect(200, path)
}

/// Where the index file of `name` is.
pub(super) fn index_url(name: &str) -> String {
    format!("/r/main/index/{}", index_path(name))
}

/// Where the crate file of a version is.
pub(super) fn download_url(name: &str, version: &str) -> String {
    format!("/r/main/dl/{name}/{version}/download")
}

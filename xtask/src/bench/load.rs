//! Load by `wrk`: rate, latency, and what the server's processes paid for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::table::{median, percentile};
use crate::packages;
use crate::processes::{Running, processor_seconds};

/// Connections that stay open, as many as a build farm has.
const CONNECTIONS: &str = "64";

/// `wrk` calls this when it is done. Without a `request` function it sends the same bytes at full speed.
const SCRIPT: &str = r#"
function done(summary, latency, requests)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("measured %d %d %d %d %d %d\n", summary.requests, summary.duration,
    summary.bytes, errors.status, broken, latency:percentile(99)))
end
"#;

/// One request, sent over and over, and the process that answers it.
pub(super) struct Load {
    /// Where to.
    pub url: String,
    /// With which headers.
    pub headers: Vec<String>,
    /// The server's main process.
    pub pid: u32,
    /// What an answer must weigh at least, headers included.
    pub least_bytes: usize,
}

/// What one stretch of load gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Answers in a second.
    pub rate: f64,
    /// Processor seconds of the server for 100,000 answers.
    pub processor: f64,
    /// The slowest answer but one in a hundred, in milliseconds.
    pub slow: f64,
}

/// The middle of several stretches, each figure on its own.
pub(super) fn middle(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(&samples.iter().map(figure).collect::<Vec<_>>());
    Sample {
        rate: of(|sample| sample.rate),
        processor: of(|sample| sample.processor),
        slow: of(|sample| sample.slow),
    }
}

/// How far rates lie apart: the difference of best and worst by the middle.
pub(super) fn spread(samples: &[Sample]) -> f64 {
    let rates: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
    (percentile(&rates, 1.0) - percentile(&rates, 0.0)) / median(&rates)
}

/// The load generator, with its script on disk.
pub(super) struct Wrk {
    program: PathBuf,
    script: PathBuf,
}

impl Wrk {
    /// Writes the script into `work`.
    pub(super) fn new(work: &Path) -> Result<Wrk> {
        let script = work.join("done.lua");
        std::fs::write(&script, SCRIPT)?;
        let program = packages::find("wrk").context("`wrk` is missing, install the package `wrk`")?;
        Ok(Wrk { program, script })
    }

    /// Puts `load` on its server for `span`.
    pub(super) fn run(&self, load: &Load, span: Duration) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        command.args(["--threads", "2", "--connections", CONNECTIONS, "--timeout", "20s"]);
        command.arg("--duration").arg(format!("{}s", span.as_secs())).arg("--script").arg(&self.script);
        for header in &load.headers {
            command.args(["--header", header]);
        }
        command.arg(&load.url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let before = processor_seconds(load.pid);
        let output = Running::start(&mut command, "wrk")?.finish()?;
        let paid = processor_seconds(load.pid) - before;
        let text = String::from_utf8_lossy(&output.stdout);
        sample(&text, paid, load.least_bytes).with_context(|| format!("load on `{}`", load.url))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds fit a float exactly")]
fn sample(text: &str, paid: f64, least_bytes: usize) -> Result<Sample> {
    let line = text.lines().find_map(|line| line.strip_prefix("measured "));
    let line = line.with_context(|| format!("wrk printed no figures: `{}`", text.trim()))?;
    let fields: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let &[requests, microseconds, bytes, refused, broken, slow] = fields.as_slice() else {
        bail!("wrk printed `{line}`, expected six figures");
    };
    if requests < 1.0 || refused + broken > 0.0 {
        bail!("{requests} answers, {refused} with an error status, {broken} broken connections");
    }
    if bytes / requests < least_bytes as f64 {
        bail!("answers weigh {:.0} bytes, expected at least {least_bytes}", bytes / requests);
    }
    let rate = requests / microseconds * 1e6;
    Ok(Sample { rate, processor: paid / requests * 1e5, slow: slow / 1e3 })
}

#[cfg(test)]
mod tests {
    use super::{Sample, sample};

    #[test]
    fn figures_of_wrk() {
        let text = "Running\nmeasured 200000 2000000 400000000 0 0 1500\n";
        let expected = Sample { rate: 100_000.0, processor: 1.2, slow: 1.5 };
        assert_eq!(sample(text, 2.4, 2000).expect("valid"), expected);
    }

    #[test]
    fn errors_and_short_answers_are_not_figures() {
        for text in
            ["", "measured 5 1 9999 1 0 1", "measured 5 1 9999 0 2 1", "measured 5 1 50 0 0 1", "measured 5"]
        {
            assert!(sample(text, 0.0, 100).is_err(), "`{text}` must be refused");
        }
    }
}

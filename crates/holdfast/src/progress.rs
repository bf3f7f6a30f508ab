//! How far long work has come, on a terminal; elsewhere nothing.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use holdfast_registry::Progress;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::terminal::counted;

/// How often it is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How wide the bar is.
const WIDTH: u64 = 24;

/// Does the work, and shows its progress when standard error is a terminal. `of_bytes` is how long the stream
/// is, if that is known.
pub(crate) async fn watched<T>(
    progress: &Progress,
    of_bytes: Option<u64>,
    work: impl Future<Output = T>,
) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                draw("");
                return done;
            }
            _ = ticks.tick() => draw(&line(progress, of_bytes, began.elapsed())),
        }
    }
}

/// Replaces what was drawn before.
fn draw(text: &str) {
    let mut err = std::io::stderr().lock();
    // Who does not see the progress still gets the result.
    let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
}

fn line(progress: &Progress, of_bytes: Option<u64>, elapsed: Duration) -> String {
    let (documents, files, bytes) = (progress.documents(), progress.files(), progress.bytes());
    let bar =
        of_bytes.filter(|of_bytes| *of_bytes > 0).map_or_else(String::new, |of_bytes| bar(bytes, of_bytes));
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let speed = size(bytes.saturating_mul(1000) / millis);
    let (documents, files) = (counted(documents, "document"), counted(files, "file"));
    format!("{bar}{documents}, {files}, {}, {speed}/s", size(bytes))
}

fn bar(bytes: u64, of_bytes: u64) -> String {
    let part = |of: u64| u128::from(bytes.min(of_bytes)) * u128::from(of) / u128::from(of_bytes);
    let done = usize::try_from(part(WIDTH)).unwrap_or(0);
    let rest = usize::try_from(WIDTH).unwrap_or(0) - done;
    format!("[{}{}] {:3}%  ", "#".repeat(done), ".".repeat(rest), part(100))
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut tenths, mut unit) = (bytes / 100, 0);
    if tenths < 10 {
        return format!("{bytes} B");
    }
    while tenths >= 10_000 && unit < units.len() - 1 {
        (tenths, unit) = (tenths / 1000, unit + 1);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
}

#[cfg(test)]
mod tests {
    use super::{bar, size};

    #[test]
    fn sizes_are_for_people() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_550, "1.5 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (12_345_678_901, "12.3 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn bars_end_when_the_work_does() {
        assert_eq!(bar(0, 10), "[........................]   0%  ");
        assert_eq!(bar(5, 10), "[############............]  50%  ");
        assert_eq!(bar(11, 10), "[########################] 100%  ");
        assert_eq!(bar(u64::MAX - 1, u64::MAX), "[#######################.]  99%  ");
    }
}

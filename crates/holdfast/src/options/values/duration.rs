//! Spans of time.

use std::time::Duration;

use super::OptionValue;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The span that a text such as `500ms`, `30s`, `1h30m` or `30d` stands for.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut milliseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        milliseconds = milliseconds.checked_add(part)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then(|| Duration::from_millis(milliseconds))
}

impl OptionValue for Duration {
    const EXPECTED: &'static str = "a duration with a unit (ms, s, m, h or d) such as `30s`";

    fn parse(text: &str) -> Option<Self> {
        parse_duration(text)
    }

    fn show(&self) -> String {
        let milliseconds = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = |(_, factor): &&(&str, u64)| {
            milliseconds > *factor && milliseconds.is_multiple_of(*factor) || milliseconds == *factor
        };
        match UNITS.iter().find(fits) {
            Some((unit, factor)) => format!("{}{unit}", milliseconds / factor),
            None => "0s".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, OptionValue, parse_duration};

    #[track_caller]
    fn check(text: &str, milliseconds: u64, shown: &str) {
        let span = Duration::from_millis(milliseconds);
        assert_eq!(parse_duration(text), Some(span), "for {text:?}");
        assert_eq!(span.show(), shown, "for {text:?}");
        assert_eq!(parse_duration(shown), Some(span), "what is shown can be written");
    }

    #[test]
    fn reads_and_shows_durations() {
        check("0", 0, "0s");
        check("0s", 0, "0s");
        check("500ms", 500, "500ms");
        check("30s", 30_000, "30s");
        check("60s", 60_000, "1m");
        check("1h30m", 5_400_000, "90m");
        check("1h 30m", 5_400_000, "90m");
        check("24h", 86_400_000, "1d");
        check("3600s", 3_600_000, "1h");
        check("30d", 2_592_000_000, "30d");
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "30", "s", "-1s", "1.5h", "1w", "30S", "99999999999999d", "1h30"] {
            assert_eq!(parse_duration(text), None, "for {text:?}");
        }
    }
}

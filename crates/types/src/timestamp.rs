//! Moments and days, in UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A moment with a resolution of one second; written `2026-01-31T12:00:00Z`, exactly the 20 characters that
/// cargo accepts as `pubtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Text that is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time like `2026-01-31T12:00:00Z`")]
pub struct TimestampError(String);

impl Timestamp {
    /// Seconds after 1970 began.
    pub fn from_unix_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.clamp(0, jiff::Timestamp::MAX.as_second()))
    }

    /// Seconds after 1970 began; between 0 and the year 9999.
    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    /// The moment so much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.saturating_add_unsigned(duration.as_secs()))
    }

    /// The moment so much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.saturating_sub_unsigned(duration.as_secs()))
    }

    /// Its day.
    pub fn day(self) -> Day {
        Day(self.to_string()[..10].to_owned())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_second(self.0).expect("the range is checked when it is made");
        write!(f, "{moment:.0}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        let refused = || TimestampError(text.chars().take(40).collect());
        let moment: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        Ok(Timestamp::from_unix_seconds(moment.as_second()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A day in UTC; written `2026-01-31`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(String);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_cargo_wants() {
        let moment = Timestamp::from_unix_seconds(1_767_225_600);
        assert_eq!(moment.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(moment.day().to_string(), "2026-01-01");
        assert_eq!("2026-01-01T00:00:00Z".parse(), Ok(moment));
        assert_eq!("2026-01-01T02:00:00.9+02:00".parse(), Ok(moment));
        for end in [i64::MIN, 0, i64::MAX] {
            assert_eq!(Timestamp::from_unix_seconds(end).to_string().len(), 20);
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let moment = Timestamp::from_unix_seconds(10);
        assert_eq!(moment.plus(Duration::from_secs(5)).unix_seconds(), 15);
        assert_eq!(moment.minus(Duration::from_secs(50)).unix_seconds(), 0);
        assert_eq!(moment.plus(Duration::MAX).to_string().len(), 20);
    }
}

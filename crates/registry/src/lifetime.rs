//! How long a new token works.

use crate::error::{Error, Result};
use crate::settings::Settings;
use holdfast_types::Timestamp;
use std::time::Duration;

impl Settings {
    /// When what was made then ends at last, whatever else keeps it alive; never without a maximum.
    pub(crate) fn last_moment(&self, created_at: Timestamp) -> Option<Timestamp> {
        self.token_max_lifetime.map(|most| created_at.plus(most))
    }

    /// As long as is asked, or by default, which the maximum shortens.
    pub(crate) fn token_lifetime(&self, asked: Option<Duration>) -> Result<Option<Duration>> {
        let Some(most) = self.token_max_lifetime else {
            return Ok(asked.or(self.token_default_lifetime));
        };
        match asked {
            Some(asked) if asked > most => Err(Error::invalid(format!(
                "a token works for at most {} here; give a shorter time",
                in_words(most)
            ))),
            Some(asked) => Ok(Some(asked)),
            None => Ok(Some(self.token_default_lifetime.map_or(most, |default| default.min(most)))),
        }
    }
}

/// An end, or the limit where that is sooner.
pub(crate) fn no_later(end: Timestamp, limit: Option<Timestamp>) -> Timestamp {
    limit.map_or(end, |limit| end.min(limit))
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds.is_multiple_of(86_400) => format!("{} days", seconds / 86_400),
        seconds if seconds.is_multiple_of(3600) => format!("{} hours", seconds / 3600),
        seconds => format!("{seconds} seconds"),
    }
}

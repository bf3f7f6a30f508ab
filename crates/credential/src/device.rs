//! Signing in through a browser, which may be on another machine: the device authorization grant, RFC 8628.

use std::time::Duration;

use serde::Deserialize;

use crate::grant::{CLIENT, Declined, Grant};
use crate::http::{Answer, CallError, Http};
use crate::place::Place;
use crate::secret::Secret;

/// How often the server is asked when it does not say.
const INTERVAL_SECONDS: u64 = 5;
/// How much rarer it is asked after each `slow_down`.
const SLOWER_SECONDS: u64 = 5;
/// How rare it gets while the server cannot be reached.
const RAREST: Duration = Duration::from_mins(1);
const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");

/// What the user has to do.
#[derive(Debug, Deserialize)]
pub(crate) struct Invitation {
    device_code: Secret,
    /// What to type there.
    pub(crate) user_code: String,
    /// Where to go.
    pub(crate) verification_uri: String,
    /// The same with the code in it.
    pub(crate) verification_uri_complete: Option<String>,
    /// In seconds.
    expires_in: u64,
    /// In seconds.
    interval: Option<u64>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error("the sign-in was refused in the browser")]
    Denied,
    #[error("nobody confirmed the code in time; run `cargo login` again")]
    Expired,
    #[error(transparent)]
    Call(CallError),
    #[error("the server declined")]
    Declined(#[source] Declined),
}

impl Invitation {
    /// Begins. `machine` is how the server's list of sessions shall name this one.
    pub(crate) fn ask(http: &Http, place: &Place, machine: &str) -> Result<Invitation, DeviceError> {
        let answer = http.post_form(&place.api("/device/authorize"), &[CLIENT, ("label", machine)]);
        answer.and_then(Answer::json).map_err(DeviceError::Call)
    }

    /// Asks until the user has confirmed, as often as the server allows. `pause` waits.
    pub(crate) fn wait(
        &self,
        http: &Http,
        place: &Place,
        mut pause: impl FnMut(Duration),
    ) -> Result<Grant, DeviceError> {
        let mut interval = Duration::from_secs(self.interval.unwrap_or(INTERVAL_SECONDS).max(1));
        let mut left = Duration::from_secs(self.expires_in);
        let fields = [GRANT, ("device_code", self.device_code.reveal())];
        loop {
            left = left.checked_sub(interval).ok_or(DeviceError::Expired)?;
            pause(interval);
            let declined = match Grant::ask(http, place, &fields) {
                Ok(grant) => return Ok(grant),
                Err(declined) => declined,
            };
            match &declined {
                Declined::Standard { code, .. } => match &**code {
                    "authorization_pending" => {}
                    "slow_down" => interval += Duration::from_secs(SLOWER_SECONDS),
                    "access_denied" => return Err(DeviceError::Denied),
                    "expired_token" => return Err(DeviceError::Expired),
                    _ => return Err(DeviceError::Declined(declined)),
                },
                Declined::Call(error) if error.is_passing() => {
                    interval = (interval * 2).min(RAREST.max(interval));
                }
                Declined::Call(_) => return Err(DeviceError::Declined(declined)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use holdfast_servers::{Act, Front};

    use super::*;

    const PENDING: (u16, &str) = (400, r#"{"error":"authorization_pending"}"#);
    const GRANTED: (u16, &str) =
        (200, r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r"}"#);

    /// Waits for an invitation while the server gives these answers; how long it paused, and what came of it.
    fn wait(
        interval: Option<u64>,
        expires_in: u64,
        answers: &'static [(u16, &str)],
    ) -> (Vec<u64>, Result<Grant, DeviceError>) {
        let front = Front::alone();
        let mut answers = answers.iter();
        front.script(move |_| {
            answers.next().map_or(Act::Hang, |(status, body)| Act::Answer(*status, (*body).to_owned()))
        });
        let index = format!("sparse+http://{}/r/main/index/", front.address());
        let place = Place::of(&index, None).unwrap();
        let invitation = Invitation {
            device_code: Secret::try_from("d".to_owned()).unwrap(),
            user_code: "AB".to_owned(),
            verification_uri: "https://h/device".to_owned(),
            verification_uri_complete: None,
            expires_in,
            interval,
        };
        let mut pauses = Vec::new();
        let grant = invitation.wait(&Http::new(None), &place, |pause| pauses.push(pause.as_secs()));
        (pauses, grant)
    }

    #[test]
    fn the_server_says_how_often_it_is_asked() {
        const SLOW: (u16, &str) = (400, r#"{"error":"slow_down"}"#);
        let (pauses, grant) = wait(Some(2), 600, &[PENDING, SLOW, PENDING, SLOW, GRANTED]);
        assert_eq!((pauses, grant.is_ok()), (vec![2, 2, 7, 7, 12], true));
        assert_eq!(wait(None, 600, &[PENDING, GRANTED]).0, [5, 5]);
        assert_eq!(wait(Some(0), 600, &[PENDING, GRANTED]).0, [1, 1]);
    }

    #[test]
    fn trouble_on_the_way_makes_it_ask_less_often() {
        const BUSY: (u16, &str) = (503, "");
        let (pauses, grant) = wait(Some(20), 600, &[BUSY, BUSY, PENDING, GRANTED]);
        assert_eq!((pauses, grant.is_ok()), (vec![20, 40, 60, 60], true));
    }

    #[test]
    fn it_ends_with_a_refusal_or_with_the_time() {
        const DENIED: (u16, &str) = (400, r#"{"error":"access_denied"}"#);
        const EXPIRED: (u16, &str) = (400, r#"{"error":"expired_token"}"#);
        const OTHER: (u16, &str) = (400, r#"{"error":"invalid_grant","error_description":"unknown code"}"#);
        const GARBAGE: (u16, &str) = (200, "<html>");
        assert!(matches!(wait(Some(1), 600, &[PENDING, DENIED]).1, Err(DeviceError::Denied)));
        assert!(matches!(wait(Some(1), 600, &[EXPIRED]).1, Err(DeviceError::Expired)));
        assert!(matches!(wait(Some(1), 2, &[PENDING, PENDING]).1, Err(DeviceError::Expired)));
        for answers in [&[OTHER], &[GARBAGE]] {
            assert!(matches!(wait(Some(1), 600, answers).1, Err(DeviceError::Declined(_))));
        }
    }
}

//! The identity of a CI job, as a token that its CI system signs.

use std::io;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::http::{CallError, Http};
use crate::secret::{NoToken, Secret};

/// What the CI system gives to this job.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// A finished token: `HOLDFAST_ID_TOKEN`, which GitLab sets when the job asks for it.
    pub(crate) id_token: Option<Secret>,
    /// Where GitHub, Forgejo and Gitea give tokens, and what opens the door there.
    pub(crate) actions: Option<(String, Secret)>,
    /// Whether there is Buildkite's agent to ask.
    pub(crate) is_buildkite: bool,
}

/// Why the CI system gave no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("cannot run `buildkite-agent oidc request-token`")]
    Agent(#[source] io::Error),
    #[error("`buildkite-agent oidc request-token` failed; its own words are above")]
    AgentFailed,
    #[error("`buildkite-agent oidc request-token` printed something else")]
    AgentStrange(#[source] NoToken),
}

#[derive(Deserialize)]
struct Issued {
    value: Secret,
}

impl Job {
    /// Whether the CI system gives the job one token, and no other when that is used.
    pub(crate) fn has_one_token(&self) -> bool {
        self.id_token.is_some()
    }

    /// A token that says who this job is, meant for `audience`. Nothing where this is no such job.
    pub(crate) fn token(&self, http: &Http, audience: &str) -> Result<Option<Secret>, JobError> {
        if let Some(token) = &self.id_token {
            if is_meant_for(token, audience) {
                return Ok(Some(token.clone()));
            }
            // Another registry would present it as its own.
            eprintln!("warning: `HOLDFAST_ID_TOKEN` is not used: its audience (`aud`) is not `{audience}`");
            return Ok(None);
        }
        if let Some((url, bearer)) = &self.actions {
            let issued: Issued = http.get(&with_audience(url, audience), bearer)?.json()?;
            return Ok(Some(issued.value));
        }
        if self.is_buildkite { of_buildkite(audience).map(Some) } else { Ok(None) }
    }
}

/// Whether the token names this audience. Only the server can verify it; this keeps it from others.
fn is_meant_for(token: &Secret, audience: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Several(Vec<String>),
    }
    #[derive(Deserialize)]
    struct Claims {
        aud: Audience,
    }
    let payload = token.reveal().split('.').nth(1).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let claims = payload.and_then(|json| serde_json::from_slice::<Claims>(&json).ok());
    claims.is_some_and(|claims| match claims.aud {
        Audience::One(one) => one == audience,
        Audience::Several(several) => several.iter().any(|one| one == audience),
    })
}

fn with_audience(url: &str, audience: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}audience={}", utf8_percent_encode(audience, NON_ALPHANUMERIC))
}

fn of_buildkite(audience: &str) -> Result<Secret, JobError> {
    let mut command = Command::new("buildkite-agent");
    command.args(["oidc", "request-token", "--audience", audience]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(JobError::Agent)?;
    if !output.status.success() {
        return Err(JobError::AgentFailed);
    }
    Secret::try_from(String::from_utf8_lossy(&output.stdout).into_owned()).map_err(JobError::AgentStrange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_added_to_what_is_there() {
        for (url, expected) in [
            ("https://a/t?api-version=2.0", "https://a/t?api-version=2.0&audience=h%3A7%2Fx"),
            ("https://a/t", "https://a/t?audience=h%3A7%2Fx"),
        ] {
            assert_eq!(with_audience(url, "h:7/x"), expected);
        }
    }
}

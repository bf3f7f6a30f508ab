//! The conversation with cargo: one line of JSON each way, after a greeting.

use std::io::{BufRead, Result, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::secret::Secret;

/// What cargo asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    /// For which registry.
    pub(crate) registry: Registry,
    /// The kind of question.
    pub(crate) kind: Kind,
    /// What a wanted token is for.
    pub(crate) operation: Option<Operation>,
    /// The crate that is changed.
    pub(crate) name: Option<String>,
    /// The version that is changed.
    pub(crate) vers: Option<String>,
    /// The digest of the file that is published.
    pub(crate) cksum: Option<String>,
    /// A token that the user gave to `cargo login`.
    pub(crate) token: Option<String>,
}

/// The registry of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Registry {
    /// The address of its index.
    pub(crate) index_url: String,
    /// Its name in cargo's configuration.
    pub(crate) name: Option<String>,
}

/// The kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Get,
    Login,
    Logout,
    /// Of a later cargo.
    #[serde(other)]
    Unknown,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    Read,
    Publish,
    Yank,
    Unyank,
    Owners,
    /// Of a later cargo.
    #[serde(other)]
    Unknown,
}

/// An answer in the affirmative.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Done {
    Get {
        token: Secret,
        #[serde(flatten)]
        cache: Cache,
        operation_independent: bool,
    },
    Login,
    Logout,
}

/// How long cargo may keep a token in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "cache", rename_all = "kebab-case")]
pub(crate) enum Cache {
    Never,
    /// As long as it runs.
    Session,
    /// Until a time, in seconds since 1970. Cargo asks again a minute before.
    Expires {
        expiration: u64,
    },
}

/// Answers cargo's requests until it has no more.
pub(crate) fn serve(
    input: impl BufRead,
    mut output: impl Write,
    answer: impl Fn(&Request) -> std::result::Result<Done, Refusal>,
) -> Result<()> {
    say(&mut output, &json!({"v": [1]}))?;
    for line in input.lines() {
        // The line may hold a token, so an error names the place in it and nothing more.
        let reply = match serde_json::from_str::<Request>(&line?) {
            Ok(request) => answer(&request),
            Err(error) => Err(Refusal::Unreadable { line: error.line(), column: error.column() }),
        };
        let reply = match reply {
            Ok(done) => json!({"Ok": done}),
            Err(refusal) => json!({"Err": refusal.to_wire()}),
        };
        say(&mut output, &reply)?;
    }
    Ok(())
}

fn say(output: &mut impl Write, value: &Value) -> Result<()> {
    writeln!(output, "{value}")?;
    output.flush()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn requests_are_read_and_answers_written() {
        let input = r#"{"v":1,"registry":{"index-url":"i","name":"n","headers":["x"]},"kind":"get","operation":"publish","name":"a","vers":"1.0.0","cksum":"c","args":["z"]}
{"v":1,"registry":{"index-url":"i"},"kind":"get","operation":"later"}
{"v":1,"registry":{"index-url":"i"},"kind":"later"}
{"token":"hf_secret"
"#;
        let mut output = Vec::new();
        serve(input.as_bytes(), &mut output, |request| {
            assert_eq!(request.registry.index_url, "i");
            let token = Secret::try_from("hf_x".to_owned()).unwrap();
            match (request.kind, request.operation) {
                (Kind::Get, Some(Operation::Publish)) => {
                    let cache = Cache::Expires { expiration: 7 };
                    Ok(Done::Get { token, cache, operation_independent: false })
                }
                (Kind::Get, Some(Operation::Unknown)) => {
                    Ok(Done::Get { token, cache: Cache::Never, operation_independent: true })
                }
                (Kind::Unknown, None) => Ok(Done::Login),
                other => panic!("{other:?}"),
            }
        })
        .unwrap();
        let lines: Vec<Value> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let get = json!({"kind": "get", "token": "hf_x", "cache": "expires", "expiration": 7, "operation_independent": false});
        let never = json!({"kind": "get", "token": "hf_x", "cache": "never", "operation_independent": true});
        assert_eq!(
            lines[..4],
            [json!({"v": [1]}), json!({"Ok": get}), json!({"Ok": never}), json!({"Ok": {"kind": "login"}})]
        );
        assert_eq!(lines[4]["Err"]["kind"], "other");
        assert!(!lines[4].to_string().contains("secret"), "{}", lines[4]);
    }
}

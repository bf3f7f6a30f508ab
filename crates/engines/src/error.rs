//! Why a database could not be opened, in words that its operator can act on.

/// Why [`open`](crate::open) refused. No sentence holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no engine of this build.
    #[error("the database `{url}` is of no known kind; use {}", supported())]
    Unknown {
        /// What was given.
        url: String,
    },
    /// `sqlite:` or `redb:` with nothing after it.
    #[error("the database `{url}` names no file; write its path after the colon")]
    NoPath {
        /// What was given.
        url: String,
    },
    /// The URL lacks something, or says something that its engine does not know.
    #[error("the database `{url}` cannot be used: {reason}")]
    Invalid {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine said no.
    #[error("cannot open the database `{url}`")]
    Failed {
        /// What was given.
        url: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database could lose what it acknowledges.
    #[error("the database `{url}` would not be durable: {reason}; {hint}")]
    NotDurable {
        /// What was given.
        url: String,
        /// What was found.
        reason: String,
        /// What to change.
        hint: &'static str,
    },
    /// The file belongs to another program.
    #[error("the database `{url}` belongs to another program; choose another file")]
    Foreign {
        /// What was given.
        url: String,
    },
    /// Another process has the file open, and the engine serves only one.
    #[error(
        "the database `{url}` is in use by another process; stop that one, or choose an engine that processes \
         can share"
    )]
    InUse {
        /// What was given.
        url: String,
    },
    /// A later release has changed the schema.
    #[error(
        "the database `{url}` has schema `{found}`, newer than the `{known}` of this release; \
         run the release that last used it, or a later one"
    )]
    Newer {
        /// What was given.
        url: String,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this release knows.
        known: i64,
    },
}

/// The URLs that this build knows.
fn supported() -> String {
    let engines: &[&str] = &[
        #[cfg(feature = "sqlite")]
        "`sqlite:PATH`",
        #[cfg(feature = "redb")]
        "`redb:PATH`",
        #[cfg(feature = "postgres")]
        "`postgres://…`",
        #[cfg(feature = "mysql")]
        "`mysql://…`",
        #[cfg(feature = "redis")]
        "`redis://…`",
        #[cfg(feature = "mongodb")]
        "`mongodb://…`",
        #[cfg(feature = "dynamodb")]
        "`dynamodb://TABLE`",
    ];
    match engines {
        [] => "`memory:` to try things out; this build has no other engine".to_owned(),
        engines => format!("{}, or `memory:` to try things out", engines.join(", ")),
    }
}

/// The URL with every password replaced, for logs and messages.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (address, query) =
        rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let address = match address.rsplit_once('@') {
        Some((login, host)) => {
            let shown = match login.split_once(':') {
                Some((user, _)) => format!("{user}:***"),
                // Taken for a password by some of Redis's own tools.
                None if scheme.starts_with("redis") => "***".to_owned(),
                None => login.to_owned(),
            };
            format!("{shown}@{host}")
        }
        None => address.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(redact_parameter).collect::<Vec<_>>().join("&"));
    format!("{scheme}://{address}{}", query.map(|query| format!("?{query}")).unwrap_or_default())
}

fn redact_parameter(parameter: &str) -> String {
    const SECRETS: [&str; 4] = ["password", "secret", "token", "key"];
    match parameter.split_once('=') {
        Some((name, _)) if SECRETS.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}=***")
        }
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_do_not_show() {
        for (url, expected) in [
            ("memory:", "memory:"),
            ("sqlite:/a:b@c", "sqlite:/a:b@c"),
            ("mysql://host/x", "mysql://host/x"),
            ("mysql://me@host/x", "mysql://me@host/x"),
            ("mysql://me:p@ss:w@host/x", "mysql://me:***@host/x"),
            ("redis://:pass@host?a=b", "redis://:***@host?a=b"),
            ("rediss://pass@host", "rediss://***@host"),
            (
                "pg://h?sslmode=require&PassWord=x&secret_key=y",
                "pg://h?sslmode=require&PassWord=***&secret_key=***",
            ),
        ] {
            assert_eq!(redact(url), expected);
        }
    }
}

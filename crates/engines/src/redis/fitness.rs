//! Whether a server may be trusted with what must not be lost: asked of each new connection, since the
//! server behind an address can change.

use super::address::Durability;

/// Why a server is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It could lose what it acknowledges.
    #[error("it would not be durable: {reason}; {hint}")]
    NotDurable { reason: String, hint: &'static str },
    /// It does not know what our scripts need.
    #[error("it is version `{version}`; use Redis 7.0 or Valkey, or later")]
    TooOld { version: String },
    /// A later release has changed the place.
    #[error("its schema is `{found}`")]
    Newer { found: i64 },
    /// It is not the place that was opened, so that what is missing there is not missing.
    #[error(
        "it holds other data than when the server began; bring the data back, or restart the server to accept \
         what is there"
    )]
    Replaced,
    /// The record of the place is not ours.
    #[error("the key `{key}` is not a record of Holdfast; choose another prefix")]
    Foreign { key: String },
}

/// What `CONFIG GET` told, where it is permitted.
pub(super) struct Settings {
    pub(super) appendfsync: String,
    pub(super) no_appendfsync_on_rewrite: String,
}

/// Looks at the answer to `INFO` and at the settings.
pub(super) fn vet(info: &str, settings: Option<&Settings>, durability: Durability) -> Result<(), Unfit> {
    let says = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
    };
    let version = says("redis_version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < 7) {
        return Err(Unfit::TooOld { version: version.to_owned() });
    }
    if says("role") != "master" {
        return unfit("it is a replica", "give the address of its primary");
    }
    let policy = says("maxmemory_policy");
    if policy != "noeviction" {
        let reason = format!("`maxmemory-policy` is `{policy}`, which throws data away when memory is full");
        return unfit(reason, "set `maxmemory-policy noeviction`");
    }
    if durability == Durability::Managed {
        return Ok(());
    }
    if says("aof_enabled") != "1" {
        return unfit("`appendonly` is `no`", "set `appendonly yes`");
    }
    vet_syncs(settings, durability)
}

fn vet_syncs(settings: Option<&Settings>, durability: Durability) -> Result<(), Unfit> {
    let Some(Settings { appendfsync, no_appendfsync_on_rewrite }) = settings else {
        return unfit(
            "its settings cannot be read, since `CONFIG GET` is refused",
            "permit it, or add `durability=managed` to the URL where the service promises durable writes by itself",
        );
    };
    let accepted: &[&str] = match durability {
        Durability::Always => &["always"],
        Durability::EverySecond | Durability::Managed => &["always", "everysec"],
    };
    if !accepted.contains(&&**appendfsync) {
        return unfit(
            format!(
                "`appendfsync` is `{appendfsync}`, so that a loss of power takes acknowledged writes with it"
            ),
            "set `appendfsync always`, or accept the loss of a second with `durability=everysec` in the URL",
        );
    }
    if no_appendfsync_on_rewrite != "no" && durability == Durability::Always {
        return unfit(
            "`no-appendfsync-on-rewrite` is `yes`, so that nothing is synced while the log is rewritten",
            "set `no-appendfsync-on-rewrite no`",
        );
    }
    Ok(())
}

fn unfit(reason: impl Into<String>, hint: &'static str) -> Result<(), Unfit> {
    Err(Unfit::NotDurable { reason: reason.into(), hint })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.2.1\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n\
        aof_enabled:1\r\n";

    fn settings(appendfsync: &str, rewrite: &str) -> Settings {
        Settings { appendfsync: appendfsync.into(), no_appendfsync_on_rewrite: rewrite.into() }
    }

    fn check(info: &str, settings: Option<&Settings>, durability: Durability, refusal: Option<&str>) {
        let error = vet(info, settings, durability).err().map(|error| error.to_string());
        match refusal {
            None => assert_eq!(error, None),
            Some(words) => assert!(error.as_ref().unwrap().contains(words), "{error:?}"),
        }
    }

    #[test]
    fn unsafe_servers_are_refused() {
        use Durability::{Always, EverySecond, Managed};
        let without = |line: &str, instead: &str| GOOD.replace(line, instead);
        let good = &settings("always", "no");
        check(GOOD, Some(good), Always, None);
        check(GOOD, Some(&settings("everysec", "yes")), EverySecond, None);
        check(GOOD, None, Managed, None);
        check(&without("aof_enabled:1", "aof_enabled:0"), None, Managed, None);
        check(GOOD, Some(&settings("everysec", "no")), Always, Some("`appendfsync` is `everysec`"));
        check(GOOD, Some(&settings("no", "no")), EverySecond, Some("`appendfsync` is `no`"));
        check(GOOD, Some(&settings("always", "yes")), Always, Some("`no-appendfsync-on-rewrite` is `yes`"));
        check(GOOD, None, Always, Some("add `durability=managed`"));
        check(
            &without("aof_enabled:1", "aof_enabled:0"),
            Some(good),
            EverySecond,
            Some("`appendonly` is `no`"),
        );
        check(&without("role:master", "role:slave"), None, Managed, Some("it is a replica"));
        check(
            &without("noeviction", "allkeys-lru"),
            None,
            Managed,
            Some("`maxmemory-policy` is `allkeys-lru`"),
        );
        check(&without("7.2.1", "6.2.14"), Some(good), Always, Some("it is version `6.2.14`"));
        check("", Some(good), Always, Some("it is version ``"));
    }
}

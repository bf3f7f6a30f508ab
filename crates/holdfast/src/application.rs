//! Puts the parts together as the options say.

use std::path::Path;
use std::sync::Arc;

use holdfast_blobs::Blobs;
use holdfast_registry::{Holdfast, Outside, Parts, Settings};
use holdfast_search::SearchIndex;
use holdfast_types::TokenSecret;

use crate::access;
use crate::failure::Failure;
use crate::options::Config;
use crate::outside::RealOutside;
use crate::providers;

/// What the process is going to do, which decides what it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Answer requests: with the search index, which one process may write.
    Serve,
    /// Carry out one command that changes something, beside a running server or without one. The first one makes
    /// the storage.
    Change,
    /// Carry out one command that only looks at what is there.
    Look,
}

/// Opens the database and the storage, creating the data folder when there is none. Who only looks creates nothing,
/// and is refused where there is nothing.
pub async fn open(config: &Config, purpose: Purpose) -> Result<Holdfast, Failure> {
    let problems = access::problems(config);
    if !problems.is_empty() {
        return Err(Failure::of(problems));
    }
    refuse_in_vain(config, purpose)?;
    make_data_folder(&config.data)?;
    let views = holdfast_engines::Options { views: holdfast_registry::VIEWS };
    let opening = holdfast_engines::open_with(config.database.as_str(), &views);
    let store = opening.await.map_err(|error| Failure::because(&error))?;
    let options =
        holdfast_blobs::Options { cache_bytes: config.blob_cache_size.bytes(), ..Default::default() };
    let blobs =
        Blobs::open_with(config.storage.as_str(), options).await.map_err(|error| Failure::because(&error))?;
    let search = match purpose {
        Purpose::Serve => Some(Arc::new(open_search(config)?)),
        Purpose::Change | Purpose::Look => None,
    };
    let outside: Arc<dyn Outside> = Arc::new(RealOutside);
    let providers = match (&config.providers, purpose) {
        (Some(path), Purpose::Serve) => providers::read(path)?,
        _ => Vec::new(),
    };
    Ok(Holdfast::new(Parts { store, blobs, search, outside, settings: settings(config), providers }))
}

/// The token that the operator chose for the first admin.
pub fn bootstrap_token(config: &Config) -> Result<Option<TokenSecret>, Failure> {
    let parsed =
        config.bootstrap_token.as_ref().map(|secret| secret.reveal().parse::<TokenSecret>()).transpose();
    parsed.map_err(|error| {
        Failure::new(format!("the value of `HOLDFAST_BOOTSTRAP_TOKEN` cannot be a token: {error}"))
    })
}

/// Refuses what could only look at, or leave behind, nothing. Whether a database on a server is new, its engine knows.
fn refuse_in_vain(config: &Config, purpose: Purpose) -> Result<(), Failure> {
    if purpose == Purpose::Serve {
        return Ok(());
    }
    if is_in_memory(config) {
        return Err(Failure::new(
            "the database is `memory:`, of which nothing would be left after this command",
        )
        .hint("name the database of your server with `--database URL`"));
    }
    let Some(file) = config.database.local_path().filter(|_| purpose == Purpose::Look) else { return Ok(()) };
    // What cannot be told, opening it tells.
    if file.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let hint = if file == config.data.join("holdfast.db") {
        "name the data folder of your server with `--data DIR`; `holdfast serve` makes a new one"
    } else {
        "name the database of your server with `--database URL`; `holdfast serve` makes a new one"
    };
    Err(Failure::new(format!("there is no database `{}`", file.display())).hint(hint))
}

fn is_in_memory(config: &Config) -> bool {
    config.database.as_str().starts_with("memory:")
}

/// Creates the data folder when there is none.
pub fn make_data_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!("cannot create the data folder `{}`: {error}", folder.display()))
            .hint("choose another one with `--data DIR`")
    })
}

fn open_search(config: &Config) -> Result<SearchIndex, Failure> {
    let folder = config.data.join("search");
    let opened = if is_in_memory(config) { SearchIndex::memory() } else { SearchIndex::open(&folder) };
    opened.map_err(|error| {
        Failure::because(&error).hint(format!("`{}` can be deleted; it is made anew", folder.display()))
    })
}

fn settings(config: &Config) -> Settings {
    Settings {
        package: holdfast_package::Limits {
            packed_bytes: config.max_crate_size.bytes(),
            unpacked_bytes: config.max_unpacked_size.bytes(),
            entries: config.max_crate_entries.get(),
            ratio: config.max_unpack_ratio.get(),
            ..Default::default()
        },
        required_fields: config.required_fields.iter().copied().collect(),
        staleness: config.staleness,
        outage_grace: config.outage_grace,
        store_read_limit: config.database_read_timeout,
        store_write_limit: config.database_write_timeout,
        index_cache_bytes: config.index_cache_size.bytes(),
        password_cost: access::password_cost(config),
        self_registration: access::self_registration(config),
        session_idle: config.session_idle,
        session_lifetime: config.session_lifetime,
        token_default_lifetime: config.token_default_lifetime,
        token_max_lifetime: config.token_max_lifetime,
        trusted_issuers: config.trusted_issuers.clone(),
        sweep_interval: config.sweep_interval,
        sweep_grace: config.sweep_grace,
    }
}

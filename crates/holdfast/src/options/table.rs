//! The one table of options. A line here gives an option its flag, its environment variable, its key in
//! `holdfast.toml`, its place in the reference page and its field in [`Config`].

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_types::IssuerPattern;

use super::resolve::Resolver;
use super::spec::{OptionSpec, Section};
use super::values::{
    ByteSize, DatabaseUrl, IpRange, ListenAddress, LogFilter, LogFormat, MailDomain, PositiveSize, PublicUrl,
    Registration, RequiredField, Secret, StorageUrl,
};

/// Turns lines of `/// help`, `field: type => spec;` into [`Config`], [`TABLE`] and `Config::resolve`.
macro_rules! options {
    ($($(#[doc = $help:literal])+ $field:ident: $shape:ty => $spec:expr;)+) => {
        /// Every option with its final, checked value.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $help])+ pub $field: $shape,)+
        }

        /// Every option, in the order in which it is shown to people.
        pub static TABLE: &[OptionSpec] =
            &[$($spec.shaped::<$shape>(stringify!($field), concat!($($help),+))),+];

        impl Config {
            /// Takes each option from the most important place that sets it.
            pub(super) fn resolve(resolver: &mut Resolver<'_>) -> Self {
                let mut table = TABLE.iter();
                Self {
                    $($field: resolver.take::<$shape>(
                        table.next().expect("the table has one line for each field"),
                    ),)+
                }
            }
        }
    };
}

// `data` comes first: the defaults of later lines name it as `{data}`.
options! {
    /// Folder that holds everything this server stores unless another option says otherwise. A relative path
    /// starts at the working directory.
    data: PathBuf => OptionSpec::new(Section::Storage, "data", "DIR").default("./holdfast-data").common();

    /// Database for metadata: `sqlite:PATH` or `redb:PATH`, a file; `postgres://…`, `mysql://…`, `redis://…`,
    /// `mongodb://…` or `dynamodb://TABLE`, shared by many servers; or `memory:`, which forgets everything when
    /// the server stops.
    database: DatabaseUrl =>
        OptionSpec::new(Section::Storage, "database", "URL").default("sqlite:{data}/holdfast.db").common();

    /// Place for crate files: `file:FOLDER`; `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or
    /// `az://CONTAINER/PREFIX`, shared by many servers; or `memory:`, which forgets everything when the server
    /// stops.
    storage: StorageUrl =>
        OptionSpec::new(Section::Storage, "storage", "URL").default("file:{data}/blobs").common();

    /// File that sets options. Without this one, the first of `{data}/holdfast.toml` and `./holdfast.toml` that
    /// exists is read.
    config: Option<PathBuf> => OptionSpec::new(Section::Storage, "config", "FILE").common().not_in_file();

    /// Address to serve on, as `HOST:PORT`. Repeat the flag, or separate by commas, for several.
    listen: Vec<ListenAddress> =>
        OptionSpec::new(Section::Network, "listen", "ADDR").default("127.0.0.1:8000").common();

    /// Address under which clients reach this server, with a path if a proxy serves it below one. Without it
    /// the address is taken from each request.
    public_url: Option<PublicUrl> => OptionSpec::new(Section::Network, "public-url", "URL");

    /// Proxies whose `X-Forwarded-*` headers are believed, separated by commas. By default none is.
    trusted_proxies: Vec<IpRange> => OptionSpec::new(Section::Network, "trusted-proxies", "RANGES");

    /// Longest time that a request may take without making progress.
    request_timeout: Duration =>
        OptionSpec::new(Section::Network, "request-timeout", "DURATION").default("30s");

    /// Longest time to wait at shutdown for requests that are being answered.
    shutdown_timeout: Duration =>
        OptionSpec::new(Section::Network, "shutdown-timeout", "DURATION").default("30s");

    /// Most connections open at one time; more wait to be accepted.
    max_connections: NonZeroU32 =>
        OptionSpec::new(Section::Network, "max-connections", "COUNT").default("4096");

    /// Largest `.crate` file that can be published.
    max_crate_size: PositiveSize =>
        OptionSpec::new(Section::Publishing, "max-crate-size", "SIZE").default("10MiB");

    /// Most bytes that the files of one crate may have when unpacked.
    max_unpacked_size: PositiveSize =>
        OptionSpec::new(Section::Publishing, "max-unpacked-size", "SIZE").default("512MiB");

    /// Most files and folders in one crate.
    max_crate_entries: NonZeroU32 =>
        OptionSpec::new(Section::Publishing, "max-crate-entries", "COUNT").default("20000");

    /// Most bytes that one byte of a `.crate` file may unpack to, which stops archive bombs early.
    max_unpack_ratio: NonZeroU32 =>
        OptionSpec::new(Section::Publishing, "max-unpack-ratio", "COUNT").default("200");

    /// Manifest fields that a crate must have to be published to a registry without a list of its own,
    /// separated by commas. There is no flag for it: `holdfast registry update --required-fields` sets
    /// the list of one registry.
    required_fields: Vec<RequiredField> =>
        OptionSpec::new(Section::Publishing, "required-fields", "FIELDS").no_flag();

    /// Longest time that a read of the database may take before the request is answered 503.
    database_read_timeout: Duration =>
        OptionSpec::new(Section::Storage, "database-read-timeout", "DURATION").default("5s");

    /// The same for a write.
    database_write_timeout: Duration =>
        OptionSpec::new(Section::Storage, "database-write-timeout", "DURATION").default("10s");

    /// Longest time for which this process may answer from memory before it looks whether another process
    /// changed something. Revoked tokens and permissions end within this time.
    staleness: Duration => OptionSpec::new(Section::Caching, "staleness", "DURATION").default("1s");

    /// Longest time for which this process goes on answering from memory while the database does not answer;
    /// `0s` turns this off. Nothing can be revoked meanwhile, except by a process that still reaches it.
    outage_grace: Duration => OptionSpec::new(Section::Caching, "outage-grace", "DURATION").default("10m");

    /// Memory for index files that are ready to be sent.
    index_cache_size: ByteSize =>
        OptionSpec::new(Section::Caching, "index-cache-size", "SIZE").default("64MiB");

    /// Memory for small crate files.
    blob_cache_size: ByteSize =>
        OptionSpec::new(Section::Caching, "blob-cache-size", "SIZE").default("64MiB");

    /// Time between two searches for stored files that nothing refers to; `0s` turns them off.
    sweep_interval: Duration =>
        OptionSpec::new(Section::Housekeeping, "sweep-interval", "DURATION").default("24h");

    /// Age below which a stored file is kept although nothing refers to it (yet).
    sweep_grace: Duration =>
        OptionSpec::new(Section::Housekeeping, "sweep-grace", "DURATION").default("24h");

    /// What to log. It is a level (`error`, `warn`, `info`, `debug`, `trace`), or a filter such as
    /// `info,holdfast_web=debug`.
    log: LogFilter => OptionSpec::new(Section::Logging, "log", "FILTER").default("info").common();

    /// Shape of a log line.
    log_format: LogFormat => OptionSpec::new(Section::Logging, "log-format", "FORMAT").default("text");

    /// Token of the admin that the first start creates, so that automation need not read it from the output.
    /// A new one takes the place of the one before, and ends what was made with that. There is no flag for it, because
    /// other users of a machine can read command lines.
    bootstrap_token: Option<Secret> =>
        OptionSpec::new(Section::Access, "bootstrap-token", "TOKEN").no_flag();

    /// File that says by which providers people sign in, beside passwords of this server: OpenID Connect,
    /// GitHub, other OAuth 2.0, LDAP. The page `operate/sign-in` of the manual shows what stands in it.
    providers: Option<PathBuf> => OptionSpec::new(Section::Access, "providers", "FILE");

    /// Issuers whose CI jobs may be trusted to publish or read without a secret, separated by commas. `public`
    /// stands for GitHub, gitlab.com and more, which the page `operate/ci` of the manual lists; keep it when you
    /// add your own. No other issuer is ever asked for its keys, whatever rule an owner writes.
    trusted_issuers: Vec<IssuerPattern> =>
        OptionSpec::new(Section::Access, "trusted-issuers", "ISSUERS").default("public");

    /// Time after which a new token ends when whoever makes it does not say. Without it such a token works
    /// for as long as `token-max-lifetime` lets it.
    token_default_lifetime: Option<Duration> =>
        OptionSpec::new(Section::Access, "token-default-lifetime", "DURATION");

    /// Longest time after which a new token ends; without it a token may work for ever. Tokens that were made
    /// before are not changed. Signed-in devices and registered keys end after it too.
    token_max_lifetime: Option<Duration> =>
        OptionSpec::new(Section::Access, "token-max-lifetime", "DURATION");

    /// Time without use after which somebody at a browser has to sign in again.
    session_idle: Duration => OptionSpec::new(Section::Access, "session-idle", "DURATION").default("12h");

    /// Time after which they have to even when they use it.
    session_lifetime: Duration =>
        OptionSpec::new(Section::Access, "session-lifetime", "DURATION").default("7d");

    /// Memory that hashing one password takes, with Argon2id. A cost that changes is applied to each password
    /// when it is next used.
    password_memory: ByteSize =>
        OptionSpec::new(Section::Access, "password-memory", "SIZE").default("19MiB");

    /// Passes over that memory.
    password_passes: NonZeroU32 =>
        OptionSpec::new(Section::Access, "password-passes", "COUNT").default("2");

    /// Lanes that the memory is divided into.
    password_lanes: NonZeroU32 =>
        OptionSpec::new(Section::Access, "password-lanes", "COUNT").default("1");

    /// Role of people who make an account without an invitation; `off` lets nobody do that.
    self_registration: Registration =>
        OptionSpec::new(Section::Access, "self-registration", "ROLE").default("off");

    /// Mail domains of which people who register without an invitation must give an address, separated by
    /// commas. Without it any address does, and none. The address is not verified.
    registration_domains: Vec<MailDomain> =>
        OptionSpec::new(Section::Access, "registration-domains", "DOMAINS");
}

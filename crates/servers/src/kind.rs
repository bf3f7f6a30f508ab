//! Which servers there are.

use crate::{Missing, Server, dynamodb, garage, mongodb, mysql, postgres, redis, s3};

/// The servers that a full run of the tests may do without: Garage, which has to be built from source for longer
/// than all tests take. Moto stands for S3 where it is not here.
pub const MAY_BE_SKIPPED: &[Kind] = &[Kind::Garage];

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL, from Debian.
    Postgres,
    /// MariaDB, from Debian.
    Mysql,
    /// Redis, from Debian.
    Redis,
    /// MongoDB's protocol: a `mongod` where one is installed, otherwise SecantusDB from PyPI.
    Mongodb,
    /// DynamoDB's protocol: moto from PyPI.
    Dynamodb,
    /// S3's protocol: moto from PyPI.
    S3,
    /// S3's protocol: Garage from crates.io.
    Garage,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] =
        &[Kind::Postgres, Kind::Mysql, Kind::Redis, Kind::Mongodb, Kind::Dynamodb, Kind::S3, Kind::Garage];

    /// The databases.
    pub const DATABASES: &'static [Kind] =
        &[Kind::Postgres, Kind::Mysql, Kind::Redis, Kind::Mongodb, Kind::Dynamodb];

    /// The scheme of its URLs, or the name of a second server with the same.
    pub fn scheme(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
            Kind::Redis => "redis",
            Kind::Mongodb => "mongodb",
            Kind::Dynamodb => "dynamodb",
            Kind::S3 => "s3",
            Kind::Garage => "garage",
        }
    }

    /// Starts a server and waits until it answers. `None` when it is not installed, which is said; a full run
    /// panics then, unless the kind is one of [`MAY_BE_SKIPPED`].
    #[track_caller]
    pub fn start(self) -> Option<Box<dyn Server>> {
        match self.try_start() {
            Ok(server) => Some(server),
            Err(missing) => {
                let is_full = is_full_run() && !MAY_BE_SKIPPED.contains(&self);
                assert!(!is_full, "{} is not here: {missing}", self.scheme());
                eprintln!("skipped: {} is not here: {missing}", self.scheme());
                None
            }
        }
    }

    /// Starts a server and waits until it answers.
    pub fn try_start(self) -> Result<Box<dyn Server>, Missing> {
        match self {
            Kind::Postgres => postgres::start(),
            Kind::Mysql => mysql::start(),
            Kind::Redis => redis::start(),
            Kind::Mongodb => mongodb::start(),
            Kind::Dynamodb => dynamodb::start(),
            Kind::S3 => s3::start(),
            Kind::Garage => garage::start(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by its environment whether the run is a full one"
)]
pub(crate) fn is_full_run() -> bool {
    std::env::var_os("HOLDFAST_FULL").is_some()
}

//! Real servers for tests and benchmarks: databases and object stores, each in a temporary folder and on a
//! free port of the loopback interface, ended with the value that started it.
//!
//! ```no_run
//! use holdfast_servers::Kind;
//!
//! let Some(server) = Kind::Postgres.start() else { return };
//! let url = server.place(); // of a new, empty database
//! server.process().freeze(); // hangs, as a database sometimes does
//! ```

mod certificates;
mod chromedriver;
mod front;
mod kind;
mod port;
mod process;
mod wait;

mod dynamodb;
mod garage;
mod mongodb;
mod moto;
mod mysql;
mod oidc;
mod postgres;
mod python;
mod redis;
mod s3;
mod slapd;

pub use chromedriver::Chromedriver;
pub use front::{Act, Front, Request};
pub use kind::{Kind, MAY_BE_SKIPPED};
pub use oidc::Oidc;
pub use port::Port;
pub use process::{Missing, Process, Program, Watchdog, signal};
pub use slapd::Slapd;
pub use wait::{PATIENCE, seen_within, until};

/// A running server.
pub trait Server: Send + Sync {
    /// The URL for Holdfast of a new, empty place on this server: a database, a table, a bucket.
    fn place(&self) -> String;

    /// Its process, to be ended, hung and started again. The folder of a server that can encrypt holds `ca.pem`,
    /// the authority of its certificate for `localhost`, and `other-ca.pem`.
    fn process(&self) -> &Process;

    /// Runs statements as the administrator of a server that speaks SQL, as its own tool takes them, and gives
    /// the rows as lines with tabs.
    fn administer(&self, statements: &str) -> String {
        panic!("this server has no statements: {statements}");
    }
}

//! Every operation of the registry, written once over a metadata store, content-addressed files and a clock.
//!
//! An operation is a method of [`Holdfast`] in the file named by its verb. It takes an [`Actor`], decides
//! whether the actor may (in [`rights`]), does its work in one commit together with its line in the audit
//! log, and returns an [`Error`] whose sentence a developer can act on. Nothing here knows HTTP, SQL or any
//! database's name.

mod actor;
mod archive;
mod audit;
mod authenticate;
mod background;
mod backup;
mod bootstrap;
mod clock;
mod copy;
mod counters;
mod describe;
mod download;
pub mod entity;
mod error;
mod export;
mod fresh;
mod fsck;
mod holdfast;
mod import;
mod indexing;
mod kinds;
mod lease;
mod metrics;
mod owners;
mod principals;
mod publish;
mod registries;
mod remove;
mod reporting;
mod resolve;
pub mod rights;
mod search;
mod settings;
mod sweep;
mod teams;
mod tokens;
mod users;
mod walk;
mod watched;
mod yank;

pub use actor::{Account, Actor, Who};
pub use archive::{Progress, Totals};
pub use audit::AuditFilter;
pub use background::Shutdown;
pub use backup::{BackedUp, Backup, Vault};
pub use bootstrap::FirstStart;
pub use clock::Outside;
pub use describe::{DailyDownloads, Description, Downloads};
pub use download::{Download, OpenDownload};
pub use error::{Error, Kind, Result};
pub use export::Files;
pub use fsck::{Depth, Findings};
pub use holdfast::{Holdfast, Parts};
pub use holdfast_search::Sort;
pub use import::{Imported, Resume};
pub use indexing::Tail;
pub use metrics::Metrics;
pub use publish::{Published, Receipt, Upload};
pub use registries::{NewRegistry, RegistryChange};
pub use reporting::VIEWS;
pub use resolve::IndexFile;
pub use search::{SearchPage, SearchRequest};
pub use settings::Settings;
pub use sweep::Swept;
pub use tokens::NewToken;
pub use users::NewUser;
pub use yank::Yank;

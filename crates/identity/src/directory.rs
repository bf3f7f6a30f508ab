//! People in a directory: LDAP (RFC 4511), Active Directory too. The directory finds the entry of a login, and
//! takes or refuses the password by a bind as that entry.

mod config;
mod connection;
mod entry;
mod error;
mod filter;
mod tls;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::{Person, Secret};
use connection::Connection;
use entry::Entry;
use filter::Template;

pub use config::{DirectoryConfig, DirectoryConfigError};
pub use error::{DirectoryError, Misfit, Trouble};

/// A directory that people sign in by.
pub struct Directory {
    config: DirectoryConfig,
    user_filter: Template,
    group_filter: Option<Template>,
    /// `None` for a directory on this machine that is asked in plain text.
    tls: Option<Arc<ClientConfig>>,
}

impl Directory {
    /// A directory as configured. Nothing is sent yet; of files, only those of authorities are read.
    pub fn new(config: DirectoryConfig) -> Result<Directory, DirectoryConfigError> {
        let is_encrypted = config.check()?;
        let user_filter = Template::parse("user-filter", &config.user_filter, &["{login}"])?;
        let group_filter = config.group_filter.as_deref();
        let group_filter = group_filter
            .map(|text| Template::parse("group-filter", text, &["{dn}", "{login}"]))
            .transpose()?;
        let tls = is_encrypted.then(|| tls::client(config.ca_file.as_deref())).transpose()?;
        Ok(Directory { config, user_filter, group_filter, tls })
    }

    /// What its form says.
    pub fn title(&self) -> &str {
        self.config.title.as_deref().unwrap_or("LDAP")
    }

    /// Who has this login, when the password is right.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<Person, DirectoryError> {
        // A bind with a name and without a password succeeds, as nobody: RFC 4513, section 5.1.2.
        if password.is_empty() || !is_login(login) {
            return Err(DirectoryError::WrongCredentials);
        }
        let seconds = self.config.timeout_seconds;
        let limit = Duration::from_secs(seconds.into());
        let attempt = tokio::time::timeout(limit, self.attempt(login, password)).await;
        attempt.unwrap_or(Err(Trouble::Slow { seconds }.into()))
    }

    async fn attempt(&self, login: &str, password: &str) -> Result<Person, DirectoryError> {
        let mut connection = Connection::open(&self.config, self.tls.clone()).await?;
        if let Some((dn, password)) = self.account() {
            connection.bind_service(dn, password).await?;
        }
        let entry = self.find(&mut connection, login).await?;
        connection.bind_person(&entry.dn, password).await?;
        let groups = self.groups(&mut connection, &entry, login).await?;
        entry.person(&self.config, login, groups)
    }

    fn account(&self) -> Option<(&str, &Secret)> {
        Some((self.config.bind_dn.as_deref()?, self.config.bind_password.as_ref()?))
    }

    /// The one entry of a login.
    async fn find(&self, connection: &mut Connection, login: &str) -> Result<Entry, DirectoryError> {
        let filter = self.user_filter.fill(login, "");
        let found = connection.search(&self.config.base_dn, &filter, &self.config.attributes(), 2).await?;
        let mut entries = found.entries.into_iter();
        let entry = entries.next().ok_or(DirectoryError::WrongCredentials)?;
        if entries.next().is_some() || found.has_more {
            return Err(Misfit::Ambiguous { filter }.into());
        }
        // A bind as nobody succeeds with any password.
        if entry.dn.is_empty() { Err(Misfit::NoName.into()) } else { Ok(entry) }
    }

    /// The names of the groups of an entry, as far as the service account sees them: what people see of their
    /// own groups differs from one directory to the next.
    async fn groups(
        &self,
        connection: &mut Connection,
        entry: &Entry,
        login: &str,
    ) -> Result<BTreeSet<String>, DirectoryError> {
        const MOST: i32 = 1000;
        let Some(filter) = &self.group_filter else { return Ok(BTreeSet::new()) };
        if let Some((dn, password)) = self.account() {
            connection.bind_service(dn, password).await?;
        }
        let base = self.config.group_base_dn.as_deref().unwrap_or(&self.config.base_dn);
        let name = self.config.group_name_attribute.as_str();
        let found = connection.search(base, &filter.fill(login, &entry.dn), &[name], MOST).await?;
        // Some of the groups would be other rights than all of them.
        if found.has_more {
            return Err(Misfit::ManyGroups { limit: MOST }.into());
        }
        Ok(found.entries.iter().filter_map(|group| group.text(name)).collect())
    }
}

/// Whether somebody can be called so; what cannot be is not worth a question.
fn is_login(login: &str) -> bool {
    !login.is_empty() && login.len() <= 256 && !login.chars().any(char::is_control)
}

//! One connection to a directory, for one sign-in.

use std::sync::Arc;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions};
use rustls::ClientConfig;

use super::error::Answer;
use super::{DirectoryConfig, DirectoryError, Entry, Misfit, Trouble};
use crate::Secret;

/// Closed when it is dropped.
pub(super) struct Connection(Ldap);

/// What a search found.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Whether the directory would find more than was asked for.
    pub(super) has_more: bool,
}

impl Connection {
    pub(super) async fn open(
        config: &DirectoryConfig,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Connection, DirectoryError> {
        let mut settings = LdapConnSettings::new().set_starttls(config.start_tls);
        if let Some(tls) = tls {
            settings = settings.set_config(tls);
        }
        let (driver, ldap) = LdapConnAsync::with_settings(settings, &config.url).await?;
        // It ends with the connection, and whoever waits for an answer is told.
        tokio::spawn(driver.drive());
        Ok(Connection(ldap))
    }

    /// Becomes the account that searches.
    pub(super) async fn bind_service(&mut self, dn: &str, password: &Secret) -> Result<(), DirectoryError> {
        let answer = self.bind(dn, password.expose()).await?;
        answer.map_or(Ok(()), |answer| Err(Misfit::Account(answer).into()))
    }

    /// Becomes somebody, if the password is theirs.
    pub(super) async fn bind_person(&mut self, dn: &str, password: &str) -> Result<(), DirectoryError> {
        match self.bind(dn, password).await? {
            None => Ok(()),
            Some(answer) if answer.is_refusal() => Err(DirectoryError::WrongCredentials),
            Some(answer) => Err(Misfit::Bind(answer).into()),
        }
    }

    /// What the directory answers, when it is neither success nor a passing trouble.
    async fn bind(&mut self, dn: &str, password: &str) -> Result<Option<Answer>, DirectoryError> {
        let result = self.0.simple_bind(dn, password).await?;
        let answer = Answer::of(&result);
        match answer.code {
            0 => Ok(None),
            _ if answer.is_passing() => Err(Trouble::Busy(answer).into()),
            _ => Ok(Some(answer)),
        }
    }

    /// Entries at any depth below `base`, at most `limit`.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[&str],
        limit: i32,
    ) -> Result<Found, DirectoryError> {
        const SIZE_LIMIT_EXCEEDED: u32 = 4;
        self.0.with_search_options(SearchOptions::new().sizelimit(limit));
        let search = self.0.search(base, Scope::Subtree, filter, attributes.to_vec()).await?;
        let (entries, answer) = (search.0, Answer::of(&search.1));
        match answer.code {
            0 | SIZE_LIMIT_EXCEEDED => {}
            _ if answer.is_passing() => return Err(Trouble::Busy(answer).into()),
            _ => return Err(Misfit::Search { base: base.to_owned(), answer }.into()),
        }
        let entries = entries.into_iter().map(|entry| Entry::from(SearchEntry::construct(entry)));
        Ok(Found { entries: entries.collect(), has_more: answer.code == SIZE_LIMIT_EXCEEDED })
    }
}

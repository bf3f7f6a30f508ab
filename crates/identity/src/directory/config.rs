//! How a directory is configured.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::Secret;

/// A directory. The defaults fit `OpenLDAP` with `inetOrgPerson`. For Active Directory:
///
/// ```toml
/// url = "ldaps://dc.example.com"
/// bind-dn = "CN=Holdfast,OU=Services,DC=example,DC=com"
/// bind-password = "…"
/// base-dn = "DC=example,DC=com"
/// user-filter = "(&(objectCategory=person)(objectClass=user)(sAMAccountName={login}))"
/// group-filter = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"
/// login-attribute = "sAMAccountName"
/// full-name-attribute = "displayName"
/// id-attribute = "objectGUID"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DirectoryConfig {
    /// What its form says.
    #[serde(default)]
    pub title: Option<String>,
    /// `ldaps://HOST`, or `ldap://HOST` with [`start_tls`](Self::start_tls) or on this machine. A port may follow.
    pub url: String,
    /// Whether a connection that begins in plain text is encrypted before anything else is said.
    #[serde(default)]
    pub start_tls: bool,
    /// A file with the certificates of the authorities that count, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The account that searches. Without one, the directory must let anybody search.
    #[serde(default)]
    pub bind_dn: Option<String>,
    /// Its password.
    #[serde(default)]
    pub bind_password: Option<Secret>,
    /// Where people are, at any depth.
    pub base_dn: String,
    /// What the one entry of a login fulfils.
    #[serde(default = "user_filter")]
    pub user_filter: String,
    /// Where groups are, when that is elsewhere.
    #[serde(default)]
    pub group_base_dn: Option<String>,
    /// What the groups of somebody fulfil, by `{dn}` or `{login}`: `(&(objectClass=groupOfNames)(member={dn}))`.
    /// Without it, nobody has groups.
    #[serde(default)]
    pub group_filter: Option<String>,
    /// The login as the directory spells it.
    #[serde(default = "login_attribute")]
    pub login_attribute: String,
    /// The e-mail address.
    #[serde(default = "email_attribute")]
    pub email_attribute: String,
    /// Whether e-mail addresses are written by whoever runs the directory, and not by the people themselves.
    #[serde(default = "email_verified")]
    pub email_verified: bool,
    /// The name in full.
    #[serde(default = "full_name_attribute")]
    pub full_name_attribute: String,
    /// What an entry keeps when it is renamed, and what no other entry ever gets; `dn` for the name itself, in
    /// directories that have no such attribute.
    #[serde(default = "id_attribute")]
    pub id_attribute: String,
    /// The name of a group.
    #[serde(default = "group_name_attribute")]
    pub group_name_attribute: String,
    /// How long a sign-in may take.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u16,
}

/// Why a configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryConfigError {
    /// Not the address of a directory.
    #[error("`url` is `{0}`; write it as `ldaps://HOST` or `ldap://HOST`, with a port if need be")]
    Url(String),
    /// Passwords would go over the network in plain text.
    #[error("`url` is `{0}`, which is not encrypted; write `ldaps://`, or set `start-tls = true`")]
    Plain(String),
    /// Encrypted twice.
    #[error("`start-tls` is for `ldap://`; `ldaps://` is encrypted from the beginning")]
    EncryptedTwice,
    /// Authorities for nothing.
    #[error("`ca-file` is for encrypted connections, and this one is not")]
    NeedlessAuthorities,
    /// A name without a password makes a bind as nobody, or the other way around.
    #[error("`bind-dn` and `bind-password` belong together, and neither may be empty")]
    HalfAccount,
    /// A filter that finds the same for everybody.
    #[error("`{name}` is `{text}`; it must contain {wanted}")]
    FilterIsConstant {
        /// Which one.
        name: &'static str,
        /// What it is.
        text: String,
        /// What it must contain.
        wanted: String,
    },
    /// Not a filter.
    #[error("`{name}` is `{text}`, which is not an LDAP filter (RFC 4515); mind the brackets")]
    Filter {
        /// Which one.
        name: &'static str,
        /// What it is.
        text: String,
    },
    /// An empty setting, or one out of range.
    #[error("`{name}` must be {wanted}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// The file of authorities is not there, or not one.
    #[error("cannot read the certificates in `{file}`")]
    Authorities {
        /// Its name.
        file: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The system has none.
    #[error("the system has no certificates of authorities; name a file of them by `ca-file`")]
    NoAuthorities,
}

impl DirectoryConfig {
    /// Whether connections are encrypted.
    pub(super) fn check(&self) -> Result<bool, DirectoryConfigError> {
        let is_encrypted = self.check_url()?;
        if self.ca_file.is_some() && !is_encrypted {
            return Err(DirectoryConfigError::NeedlessAuthorities);
        }
        let is_filled = |text: &str| !text.trim().is_empty();
        match (&self.bind_dn, &self.bind_password) {
            (None, None) => {}
            (Some(dn), Some(password)) if is_filled(dn) && is_filled(password.expose()) => {}
            _ => return Err(DirectoryConfigError::HalfAccount),
        }
        let attributes = [
            ("login-attribute", &self.login_attribute),
            ("email-attribute", &self.email_attribute),
            ("full-name-attribute", &self.full_name_attribute),
            ("id-attribute", &self.id_attribute),
            ("group-name-attribute", &self.group_name_attribute),
        ];
        for (name, attribute) in attributes {
            let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b';' | b'.');
            if attribute.is_empty() || !attribute.bytes().all(is_fine) {
                return Err(DirectoryConfigError::Setting { name, wanted: "the name of an attribute" });
            }
        }
        if !(1..=30).contains(&self.timeout_seconds) {
            let wanted = "between 1 and 30: somebody waits";
            return Err(DirectoryConfigError::Setting { name: "timeout-seconds", wanted });
        }
        Ok(is_encrypted)
    }

    fn check_url(&self) -> Result<bool, DirectoryConfigError> {
        let malformed = || DirectoryConfigError::Url(self.url.clone());
        let url = Url::parse(&self.url).map_err(|_| malformed())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err(malformed());
        }
        let address: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
        let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        match (url.scheme(), self.start_tls) {
            ("ldaps", false) | ("ldap", true) => Ok(true),
            ("ldaps", true) => Err(DirectoryConfigError::EncryptedTwice),
            ("ldap", false) if is_here => Ok(false),
            ("ldap", false) => Err(DirectoryConfigError::Plain(self.url.clone())),
            _ => Err(malformed()),
        }
    }

    /// What is asked of somebody's entry.
    pub(super) fn attributes(&self) -> Vec<&str> {
        let mut attributes =
            vec![self.login_attribute.as_str(), &self.email_attribute, &self.full_name_attribute];
        // The name of the entry is no attribute, and always told.
        attributes.extend(Some(&*self.id_attribute).filter(|name| *name != "dn"));
        attributes.sort_unstable();
        attributes.dedup();
        attributes
    }

    /// Whose word a sign-in is.
    pub(super) fn issuer(&self) -> String {
        format!("{}/{}", self.url.trim_end_matches('/'), self.base_dn)
    }
}

fn user_filter() -> String {
    "(&(objectClass=person)(uid={login}))".to_owned()
}

fn login_attribute() -> String {
    "uid".to_owned()
}

fn email_attribute() -> String {
    "mail".to_owned()
}

fn email_verified() -> bool {
    true
}

fn full_name_attribute() -> String {
    "cn".to_owned()
}

fn id_attribute() -> String {
    "entryUUID".to_owned()
}

fn group_name_attribute() -> String {
    "cn".to_owned()
}

fn timeout_seconds() -> u16 {
    5
}

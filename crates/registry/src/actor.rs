//! Who is acting: the result of authentication, the input of every operation.

use crate::entity::{Bound, Holder, Job, Purpose, RegistryRecord, Role};
use holdfast_types::{Login, Principal, Scopes, TeamName, Timestamp, TokenId};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Who acts, from where.
#[derive(Clone, Debug)]
pub struct Actor {
    who: Who,
    address: Option<IpAddr>,
}

/// The kinds of actors.
#[derive(Clone, Debug)]
pub enum Who {
    /// Nobody known.
    Anonymous,
    /// A user, a service account or a CI job, through a secret.
    Account(Arc<Account>),
    /// Whoever may run the binary on the server's own storage: the operator's command line.
    Operator,
}

/// Whoever a secret stands for, with that secret, as of the last check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user or the job.
    pub holder: Holder,
    /// What they may do in every registry.
    pub role: Role,
    /// The teams they are in.
    pub teams: BTreeSet<TeamName>,
    /// The secret.
    pub token: TokenId,
    /// What its owner calls it.
    pub label: String,
    /// What it may do within the role.
    pub scopes: Scopes,
    /// Where it is accepted.
    pub purpose: Purpose,
    /// The one act that it is for.
    pub bound: Option<Bound>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Account {
    /// The user, if it is one.
    pub fn login(&self) -> Option<&Login> {
        self.holder.login()
    }

    /// What it is called in sentences and in the log.
    pub fn name(&self) -> &str {
        self.holder.name()
    }

    /// The job, if it is one.
    pub fn job(&self) -> Option<&Job> {
        match &self.holder {
            Holder::Job(job) => Some(job),
            Holder::Login(_) => None,
        }
    }

    /// Whether it is somebody at a browser.
    pub fn is_session(&self) -> bool {
        matches!(self.purpose, Purpose::Session { .. })
    }

    /// What it may do in a registry: what it may everywhere, or more where the registry says so.
    pub fn role_in(&self, registry: &RegistryRecord) -> Role {
        let given = registry.roles.iter().filter(|(principal, _)| self.is(principal)).map(|(_, role)| *role);
        given.fold(self.role, Role::max)
    }

    /// Whether a principal is this user or a team of theirs.
    pub fn is(&self, principal: &Principal) -> bool {
        match principal {
            Principal::User(login) => self.login() == Some(login),
            Principal::Team(team) => self.teams.contains(team),
        }
    }
}

impl Actor {
    /// Nobody known, calling from an address.
    pub fn anonymous(address: Option<IpAddr>) -> Actor {
        Actor { who: Who::Anonymous, address }
    }

    /// A user or a job, calling from an address.
    pub fn account(account: Arc<Account>, address: Option<IpAddr>) -> Actor {
        Actor { who: Who::Account(account), address }
    }

    /// The command line on the server's own storage.
    pub fn operator() -> Actor {
        Actor { who: Who::Operator, address: None }
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The account, if it is one.
    pub fn as_account(&self) -> Option<&Account> {
        match &self.who {
            Who::Account(account) => Some(account),
            Who::Anonymous | Who::Operator => None,
        }
    }

    /// The user, if it is one.
    pub fn login(&self) -> Option<&Login> {
        self.as_account().and_then(Account::login)
    }

    /// From where.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Anonymous => f.write_str("anonymous"),
            Who::Operator => f.write_str("operator"),
            Who::Account(account) => f.write_str(account.name()),
        }
    }
}

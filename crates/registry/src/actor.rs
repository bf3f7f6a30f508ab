//! Who is acting: the result of authentication, the input of every operation.

use crate::entity::Role;
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
    /// A user or service account, through a token.
    Account(Arc<Account>),
    /// Whoever may run the binary on the server's own storage: the operator's command line.
    Operator,
}

/// A user with the token they came with, as of the last check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub login: Login,
    /// The most they may do.
    pub role: Role,
    /// The teams they are in.
    pub teams: BTreeSet<TeamName>,
    /// The token.
    pub token: TokenId,
    /// What its owner calls it.
    pub label: String,
    /// What it may do within the role.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Actor {
    /// Nobody known, calling from an address.
    pub fn anonymous(address: Option<IpAddr>) -> Actor {
        Actor { who: Who::Anonymous, address }
    }

    /// A user, calling from an address.
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
        self.as_account().map(|account| &account.login)
    }

    /// From where.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether one of these is the actor or a team of theirs.
    pub fn is_among(&self, owners: &[Principal]) -> bool {
        let Some(account) = self.as_account() else { return false };
        owners.iter().any(|owner| match owner {
            Principal::User(login) => *login == account.login,
            Principal::Team(team) => account.teams.contains(team),
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Anonymous => f.write_str("anonymous"),
            Who::Operator => f.write_str("operator"),
            Who::Account(account) => account.login.fmt(f),
        }
    }
}

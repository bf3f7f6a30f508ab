//! Users and teams, and what lets somebody in.

use super::{Check, names_in};
use crate::entity::{Identity, Membership, PasswordRecord, SigningKey, Team, Token, User};
use crate::error::Result;
use holdfast_types::{Login, Principal, TeamName};

impl Check<'_> {
    /// Everything that is somebody's.
    pub(super) async fn accounts(&mut self) -> Result<()> {
        let users = names_in(self.store, User::PART.to_owned()).await?.into_iter().map(Principal::User);
        self.principals.extend(users);
        let teams = names_in(self.store, Team::PART.to_owned()).await?.into_iter().map(Principal::Team);
        self.principals.extend(teams);
        self.references::<User>(User::PART).await?;
        self.references::<PasswordRecord>(PasswordRecord::PART).await?;
        self.references::<Identity>(Identity::PART).await?;
        self.references::<SigningKey>(SigningKey::PART).await?;
        self.references::<Token>(Token::PART).await?;
        self.memberships().await
    }

    /// A team that is gone may have members left, whose own index entries name it.
    async fn memberships(&mut self) -> Result<()> {
        let logins: Vec<Login> = self.logins().cloned().collect();
        for login in logins {
            let teams = names_in(self.store, Membership::teams_part(&login)).await?;
            self.principals.extend(teams.into_iter().map(Principal::Team));
        }
        let teams: Vec<TeamName> = self.teams().cloned().collect();
        for team in teams {
            self.references::<Membership>(&Membership::part(&team)).await?;
        }
        Ok(())
    }

    /// Every user that there is or that something names.
    pub(super) fn logins(&self) -> impl Iterator<Item = &Login> {
        self.principals.iter().filter_map(|principal| match principal {
            Principal::User(login) => Some(login),
            Principal::Team(_) => None,
        })
    }

    /// Every team that there is or that something names.
    pub(super) fn teams(&self) -> impl Iterator<Item = &TeamName> {
        self.principals.iter().filter_map(|principal| match principal {
            Principal::User(_) => None,
            Principal::Team(team) => Some(team),
        })
    }
}

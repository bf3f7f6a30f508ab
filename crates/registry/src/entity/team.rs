//! Teams and who is in them.

use super::entry;
use holdfast_store::{Entity, Key};
use holdfast_types::{Login, TeamName, Timestamp};
use serde::{Deserialize, Serialize};

/// A team. Its members are documents of their own, so that a team can have any number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its name, without `team:`.
    pub name: TeamName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Set while it is being removed: nobody may join it or make it an owner any more.
    #[serde(default)]
    pub leaving: bool,
}

impl Team {
    /// The partition of all teams.
    pub const PART: &'static str = "team";

    /// The key of a team.
    pub fn key_of(name: &TeamName) -> Key {
        Key::new(Team::PART, name.as_str())
    }
}

impl Entity for Team {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Team::key_of(&self.name)
    }
}

/// One user in one team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The team.
    pub team: TeamName,
    /// The user.
    pub login: Login,
    /// Since when.
    pub since: Timestamp,
}

impl Membership {
    /// The partition of a team's members.
    pub fn part(team: &TeamName) -> String {
        format!("member/{team}")
    }

    /// The partition of the index of a user's teams; its sort keys are team names.
    pub fn teams_part(login: &Login) -> String {
        format!("teams-of/{login}")
    }

    /// The key of a membership.
    pub fn key_of(team: &TeamName, login: &Login) -> Key {
        Key::new(Membership::part(team), login.as_str())
    }
}

impl Entity for Membership {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Membership::key_of(&self.team, &self.login)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        vec![entry(Membership::teams_part(&self.login), self.team.as_str())]
    }
}

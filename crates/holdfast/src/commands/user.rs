//! `holdfast user` and `holdfast team`.

use holdfast_registry::entity::{self, User};
use holdfast_registry::{Actor, Holdfast, NewUser};
use serde_json::{Value, json};

use super::{parse, welcome};
use crate::cli::{MemberCommand, Role, TeamCommand, UserCommand};
use crate::failure::Failure;
use crate::options::Config;
use crate::terminal::{Table, Terminal};

/// Executes `holdfast user`.
pub(super) async fn run(
    command: UserCommand,
    config: &Config,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    match command {
        UserCommand::Add(add) => {
            let keeper = add.keeper.as_deref().map(parse).transpose()?;
            let new =
                NewUser { login: parse(&add.name)?, role: role(add.role), service: add.service, keeper };
            let user = holdfast.add_user(&actor, new).await?;
            terminal.line(format!("added `{}` as {}", user.login, user.role.as_str()))?;
            terminal.hint(&format!(
                "give a token with `holdfast token create --user {} --name LABEL`",
                user.login
            ));
            Ok(())
        }
        UserCommand::List { json } => {
            let users = holdfast.list_users(&actor).await?;
            if json {
                return terminal.json(&users.iter().map(user_json).collect::<Vec<_>>());
            }
            let mut table = Table::new(["login", "role", "kind", "state", "since"]);
            for user in &users {
                let kind = match &user.keeper {
                    Some(team) => format!("service of team:{team}"),
                    None if user.service => "service".to_owned(),
                    None => "person".to_owned(),
                };
                let state = if user.disabled { "disabled" } else { "active" };
                table.row([
                    user.login.as_str(),
                    user.role.as_str(),
                    &kind,
                    state,
                    &user.created_at.to_string(),
                ]);
            }
            terminal.line(table)
        }
        UserCommand::Update { name, role: new } => {
            let new = role(new);
            holdfast.set_user_role(&actor, &parse(&name)?, new).await?;
            terminal.line(format!("`{name}` is {} now", new.as_str()))
        }
        UserCommand::Password { name, stdin } => {
            welcome::password(&parse(&name)?, stdin, holdfast, terminal).await
        }
        UserCommand::Invite(invite) => welcome::invite(invite, config, holdfast, terminal).await,
        UserCommand::Invitations { json } => welcome::invitations(json, holdfast, terminal).await,
        UserCommand::Uninvite { id } => {
            holdfast.withdraw_invitation(&actor, &parse(&id)?).await?;
            terminal.line(format!("withdrew `{id}`"))
        }
        UserCommand::Link { name, issuer, subject } => {
            holdfast.link_identity(&actor, &parse(&name)?, &issuer, &subject).await?;
            terminal.line(format!("`{subject}` of `{issuer}` signs in as `{name}`"))
        }
        UserCommand::Disable { name } => {
            holdfast.disable_user(&actor, &parse(&name)?).await?;
            terminal.line(format!("disabled `{name}`"))
        }
        UserCommand::Enable { name } => {
            holdfast.enable_user(&actor, &parse(&name)?).await?;
            terminal.line(format!("enabled `{name}`"))
        }
        UserCommand::Remove { name } => {
            holdfast.remove_user(&actor, &parse(&name)?).await?;
            terminal.line(format!("removed `{name}`"))
        }
    }
}

/// Executes `holdfast team`.
pub(super) async fn run_team(
    command: TeamCommand,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    match command {
        TeamCommand::Add { name } => {
            holdfast.add_team(&actor, &parse(&name)?).await?;
            terminal.line(format!("added the team `{name}`"))
        }
        TeamCommand::Remove { name } => {
            holdfast.remove_team(&actor, &parse(&name)?).await?;
            terminal.line(format!("removed the team `{name}`"))
        }
        TeamCommand::List { json } => {
            let teams = holdfast.list_teams(&actor).await?;
            if json {
                let rows = teams.iter().map(|team| json!({"name": team.name, "created_at": team.created_at}));
                return terminal.json(&rows.collect::<Vec<_>>());
            }
            let mut table = Table::new(["team", "since"]);
            for team in &teams {
                table.row([team.name.as_str(), &team.created_at.to_string()]);
            }
            terminal.line(table)
        }
        TeamCommand::Member(command) => run_member(command, holdfast, &actor, terminal).await,
    }
}

async fn run_member(
    command: MemberCommand,
    holdfast: &Holdfast,
    actor: &Actor,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    match command {
        MemberCommand::Add { team, user } => {
            holdfast.add_member(actor, &parse(&team)?, &parse(&user)?).await?;
            terminal.line(format!("added `{user}` to the team `{team}`"))
        }
        MemberCommand::Remove { team, user } => {
            holdfast.remove_member(actor, &parse(&team)?, &parse(&user)?).await?;
            terminal.line(format!("removed `{user}` from the team `{team}`"))
        }
        MemberCommand::List { team, json } => {
            let members = holdfast.list_members(actor, &parse(&team)?).await?;
            if json {
                return terminal.json(&members);
            }
            let mut table = Table::new(["member"]);
            for login in &members {
                table.row([login]);
            }
            terminal.line(table)
        }
    }
}

/// What an argument says, as the operations call it.
pub(super) fn role(role: Role) -> entity::Role {
    match role {
        Role::Guest => entity::Role::Guest,
        Role::Reader => entity::Role::Reader,
        Role::Publisher => entity::Role::Publisher,
        Role::Maintainer => entity::Role::Maintainer,
        Role::Admin => entity::Role::Admin,
    }
}

fn user_json(user: &User) -> Value {
    json!({
        "login": user.login,
        "role": user.role.as_str(),
        "service": user.service,
        "keeper": user.keeper,
        "email": user.email,
        "full_name": user.full_name,
        "disabled": user.disabled,
        "created_at": user.created_at,
    })
}

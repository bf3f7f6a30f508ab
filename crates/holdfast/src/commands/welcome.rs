//! `holdfast user password`, `invite` and `invitations`: how people come in.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};

use holdfast_registry::entity::Invitation;
use holdfast_registry::{Actor, Holdfast, NewInvitation};
use holdfast_types::{Login, Password};
use serde_json::{Value, json};

use super::parse;
use super::user::role;
use crate::cli::UserInvite;
use crate::failure::Failure;
use crate::options::Config;
use crate::terminal::{Table, Terminal};

/// Letters and digits that nobody takes for one another: 32, so that each is five random bits.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Executes `holdfast user password`.
pub(super) async fn password(
    login: &Login,
    stdin: bool,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let text = if stdin { first_line(io::stdin())? } else { random_password(&holdfast.outside().entropy()) };
    let password: Password = parse(&text)?;
    holdfast.set_password(&Actor::operator(), login, password).await?;
    if stdin {
        return terminal.line(format!("`{login}` has a new password"));
    }
    terminal.line(text)?;
    terminal.hint(&format!("this is shown once; `{login}` can change it after signing in"));
    Ok(())
}

/// Executes `holdfast user invite`.
pub(super) async fn invite(
    invite: UserInvite,
    config: &Config,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let teams = invite.teams.iter().map(|team| parse(team)).collect::<Result<BTreeSet<_>, _>>()?;
    let new = NewInvitation { role: role(invite.role), teams, note: invite.note, expires_in: invite.expires };
    let (invitation, secret) = holdfast.invite(&Actor::operator(), new).await?;
    let link = format!("{}/invitation/{}", base(config), secret.reveal());
    if invite.json {
        let mut row = invitation_json(&invitation);
        row["link"] = json!(link);
        return terminal.json(&row);
    }
    terminal.line(link)?;
    terminal.hint(&format!(
        "this is shown once; whoever has it makes one account, until {}; `holdfast user uninvite {}` withdraws it",
        invitation.expires_at, invitation.digest
    ));
    Ok(())
}

/// Executes `holdfast user invitations`.
pub(super) async fn invitations(
    json: bool,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let invitations = holdfast.list_invitations(&Actor::operator()).await?;
    if json {
        return terminal.json(&invitations.iter().map(invitation_json).collect::<Vec<_>>());
    }
    let mut table = Table::new(["id", "for", "role", "teams", "by", "since", "until"]);
    for invitation in &invitations {
        let teams: Vec<&str> = invitation.teams.iter().map(AsRef::as_ref).collect();
        table.row([
            &invitation.digest.to_string(),
            &invitation.note,
            invitation.role.as_str(),
            &teams.join(", "),
            &invitation.created_by,
            &invitation.created_at.to_string(),
            &invitation.expires_at.to_string(),
        ]);
    }
    terminal.line(table)
}

/// The address under which people reach the server, as far as it is known without a request.
fn base(config: &Config) -> String {
    match (&config.public_url, config.listen.first()) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (None, Some(address)) => format!("http://{address}"),
        (None, None) => "http://127.0.0.1:8000".to_owned(),
    }
}

/// What stands before the first line break, of which no password is longer than so much.
fn first_line(input: impl Read) -> Result<String, Failure> {
    let most = Password::MAX_BYTES as u64 + 2;
    let mut line = String::new();
    let read = BufReader::new(input.take(most)).read_line(&mut line);
    read.map_err(|error| Failure::new(format!("cannot read the password from standard input: {error}")))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Four groups of five letters: 100 random bits that can be typed.
fn random_password(entropy: &[u8; 20]) -> String {
    let letters = entropy.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)]));
    let letters: Vec<char> = letters.collect();
    letters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-")
}

fn invitation_json(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.digest,
        "role": invitation.role.as_str(),
        "teams": invitation.teams,
        "note": invitation.note,
        "created_by": invitation.created_by,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::{first_line, random_password};

    #[test]
    fn random_passwords_can_be_typed() {
        let mut entropy = [0; 20];
        assert_eq!(random_password(&entropy), "00000-00000-00000-00000");
        entropy[0] = 255;
        entropy[19] = 17;
        assert_eq!(random_password(&entropy), "z0000-00000-00000-0000h");
    }

    #[test]
    fn the_first_line_is_the_password() {
        for (input, expected) in
            [("a b\n", "a b"), ("a b\r\nc", "a b"), (" a b ", " a b "), ("", ""), ("\n", "")]
        {
            assert_eq!(first_line(input.as_bytes()).unwrap(), expected, "{input:?}");
        }
        assert_eq!(first_line("x".repeat(10_000).as_bytes()).unwrap().len(), 514, "more than a password has");
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }
}

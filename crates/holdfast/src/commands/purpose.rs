//! Which commands only look at what is there.

use crate::application::Purpose;
use crate::cli::{
    Command, CrateCommand, MemberCommand, OwnerCommand, RegistryCommand, TeamCommand, TokenCommand,
    UserCommand,
};

/// What a command is going to do with the storage.
pub(super) fn of(command: &Command) -> Purpose {
    let looks = match command {
        Command::Serve => return Purpose::Serve,
        Command::Fsck(_) | Command::Gc(_) | Command::Audit(_) | Command::Export(_) | Command::Backup(_) => {
            true
        }
        Command::Config(_) | Command::Import(_) | Command::Restore(_) => false,
        Command::User(command) => {
            matches!(command, UserCommand::List { .. } | UserCommand::Invitations { .. })
        }
        Command::Team(command) => {
            matches!(command, TeamCommand::List { .. } | TeamCommand::Member(MemberCommand::List { .. }))
        }
        Command::Token(command) => matches!(command, TokenCommand::List { .. } | TokenCommand::Keys { .. }),
        Command::Registry(command) => match command {
            RegistryCommand::List { .. } => true,
            RegistryCommand::Trust { trust, .. } => trust.changes_nothing(),
            _ => false,
        },
        Command::Crate(command) => match command {
            CrateCommand::List { .. }
            | CrateCommand::Show { .. }
            | CrateCommand::Owner(OwnerCommand::List { .. }) => true,
            CrateCommand::Trust { trust, .. } => trust.changes_nothing(),
            _ => false,
        },
    };
    if looks { Purpose::Look } else { Purpose::Change }
}

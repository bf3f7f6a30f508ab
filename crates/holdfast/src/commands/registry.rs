//! `holdfast registry`.

use std::collections::BTreeMap;

use holdfast_registry::entity::{self, RegistryRecord};
use holdfast_registry::{Actor, Holdfast, NewRegistry, RegistryChange};
use serde_json::{Value, json};

use super::{parse, trust};
use crate::cli::{RegistryCommand, RegistryKind, RegistryRole};
use crate::failure::Failure;
use crate::terminal::{Table, Terminal};

/// Executes `holdfast registry`.
pub(super) async fn run(
    command: RegistryCommand,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    match command {
        RegistryCommand::Create(create) => {
            let kind = match create.kind {
                RegistryKind::Hosted => entity::RegistryKind::Hosted,
            };
            let new = NewRegistry { name: parse(&create.name)?, kind, anonymous_read: false };
            let record = holdfast.create_registry(&actor, new).await?;
            terminal.line(format!("created the registry `{}` at `/r/{}/index/`", record.name, record.name))
        }
        RegistryCommand::List { json } => {
            let records = holdfast.list_registries(&actor).await?;
            if json {
                return terminal.json(&records.iter().map(registry_json).collect::<Vec<_>>());
            }
            let mut table = Table::new(["registry", "kind", "anonymous read", "required fields"]);
            for record in &records {
                let required =
                    record.required_fields.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                table.row([record.name.as_str(), "hosted", &record.anonymous_read.to_string(), &required]);
            }
            terminal.line(table)
        }
        RegistryCommand::Update(update) => {
            let fields = update.settings.required_fields.map(|list| Some(list.0.into_iter().collect()));
            let change =
                RegistryChange { anonymous_read: update.settings.anonymous_read, required_fields: fields };
            holdfast.update_registry(&actor, &parse(&update.name)?, change).await?;
            terminal.line(format!("updated the registry `{}`", update.name))
        }
        RegistryCommand::Role { registry, principal, role } => {
            let role = match role {
                RegistryRole::None => None,
                RegistryRole::Reader => Some(entity::Role::Reader),
                RegistryRole::Publisher => Some(entity::Role::Publisher),
                RegistryRole::Maintainer => Some(entity::Role::Maintainer),
            };
            holdfast.set_role(&actor, &parse(&registry)?, &parse(&principal)?, role).await?;
            terminal.line(match role {
                Some(role) => format!("`{principal}` is a {} in the registry `{registry}`", role.as_str()),
                None => format!("`{principal}` has no role of its own in the registry `{registry}`"),
            })
        }
        RegistryCommand::Trust { name, trust: arguments } => {
            trust::trust(arguments, &parse(&name)?, None, holdfast, terminal).await
        }
        RegistryCommand::Remove { name } => {
            holdfast.remove_registry(&actor, &parse(&name)?).await?;
            terminal.line(format!("removed the registry `{name}`"))
        }
    }
}

fn registry_json(record: &RegistryRecord) -> Value {
    let roles: BTreeMap<String, &str> =
        record.roles.iter().map(|(principal, role)| (principal.to_string(), role.as_str())).collect();
    json!({
        "name": record.name,
        "kind": "hosted",
        "anonymous_read": record.anonymous_read,
        "required_fields": record.required_fields.as_ref().map(ToString::to_string),
        "roles": roles,
        "created_at": record.created_at,
    })
}

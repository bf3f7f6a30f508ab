//! How a table comes to be, and whether one that is there is ours.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Failure, Unusable};
use super::items::{Space, key, number};
use super::wire::{
    Action, AttributeDefinition, CreateTable, DescribeTableOutput, Ignored, Item, KeySchemaElement, OfTable,
    Page, PointInTimeRecovery, ScanSome, Table, TransactWriteItems, UpdateContinuousBackups, Value, Write,
};
use super::{Connection, Patience, items};
use crate::error::OpenError;
use holdfast_store::Rev;

/// The shape of what this release writes. A step to a newer shape is a pass over the table, added here.
const SCHEMA: i64 = 1;

/// How long a new table may take until it answers.
const CREATION: Duration = Duration::from_mins(1);

/// Why a table is not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("cannot {attempt}")]
    Failed { attempt: &'static str, source: Failure },
    #[error(
        "there is no table `{0}`; add `create=true` to have it made, or make one with the partition key \
         `part` and the sort key `sort`, both strings"
    )]
    Absent(String),
    #[error("it belongs to another program")]
    Foreign,
    #[error("it has schema {0}")]
    Newer(i64),
    #[error("the table is not ready: its state is `{0}`")]
    NotReady(String),
}

impl Refusal {
    pub(super) fn of(self, url: String) -> OpenError {
        match self {
            Refusal::Foreign => OpenError::Foreign { url },
            Refusal::Newer(found) => OpenError::Newer { url, found, known: SCHEMA },
            other => OpenError::Failed { url, source: other.into() },
        }
    }
}

fn failed(attempt: &'static str) -> impl FnOnce(Failure) -> Refusal {
    move |source| Refusal::Failed { attempt, source }
}

/// Makes the table if that is wanted and needed, and looks whether it is ours.
pub(super) async fn prepare(connection: &Connection, create: bool) -> Result<(), Refusal> {
    let table = match describe(connection).await? {
        Some(table) => table,
        None if create => {
            make(connection).await?;
            until_ready(connection).await?
        }
        None => return Err(Refusal::Absent(connection.table.clone())),
    };
    if !is_ours(&table) {
        return Err(Refusal::Foreign);
    }
    if create {
        protect(connection).await;
    } else if !table.deletion_protection_enabled {
        tracing::warn!(
            table = connection.table,
            "anybody who may can delete the table; protect it from deletion"
        );
    }
    if !matches!(table.status.as_str(), "ACTIVE" | "UPDATING") {
        until_ready(connection).await?;
    }
    check_schema(connection).await
}

async fn describe(connection: &Connection) -> Result<Option<Table>, Refusal> {
    let request = OfTable { table_name: &connection.table };
    match connection.ask::<DescribeTableOutput>("DescribeTable", &request, Patience::READ).await {
        Ok(answer) => Ok(Some(answer.table)),
        Err(failure) if failure.is("ResourceNotFoundException") => Ok(None),
        Err(failure) => Err(failed("look at the table")(failure)),
    }
}

/// Two replicas may do so at once: one makes it, the other finds it being made.
async fn make(connection: &Connection) -> Result<(), Refusal> {
    let request = CreateTable {
        table_name: &connection.table,
        billing_mode: "PAY_PER_REQUEST",
        deletion_protection_enabled: true,
        key_schema: key_schema(),
        attribute_definitions: attribute_definitions(),
    };
    match connection.ask::<Ignored>("CreateTable", &request, Patience::WRITE).await {
        Ok(_) => {
            tracing::info!(table = connection.table, "made the table");
            Ok(())
        }
        Err(failure) if failure.is("ResourceInUseException") => Ok(()),
        Err(failure) => Err(failed("make the table")(failure)),
    }
}

async fn until_ready(connection: &Connection) -> Result<Table, Refusal> {
    let began = tokio::time::Instant::now();
    loop {
        let state = match describe(connection).await? {
            Some(table) if matches!(table.status.as_str(), "ACTIVE" | "UPDATING") => return Ok(table),
            Some(table) => table.status,
            None => "ABSENT".to_owned(),
        };
        if began.elapsed() > CREATION {
            return Err(Refusal::NotReady(state));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Has every state of the last 35 days kept. What is lost without it is not what was acknowledged, so a
/// failure only warns.
async fn protect(connection: &Connection) {
    let recovery = PointInTimeRecovery { point_in_time_recovery_enabled: true };
    let request = UpdateContinuousBackups {
        table_name: &connection.table,
        point_in_time_recovery_specification: recovery,
    };
    let done = connection.ask::<Ignored>("UpdateContinuousBackups", &request, Patience::WRITE).await;
    if let Err(error) = done {
        tracing::warn!(table = connection.table, %error, "cannot switch on point-in-time recovery; do so by hand");
    }
}

fn key_schema() -> Vec<KeySchemaElement> {
    let element =
        |(name, kind): (&str, &str)| KeySchemaElement { attribute_name: name.into(), key_type: kind.into() };
    [("part", "HASH"), ("sort", "RANGE")].map(element).into()
}

fn attribute_definitions() -> Vec<AttributeDefinition> {
    let string = |name: &str| AttributeDefinition { attribute_name: name.into(), attribute_type: "S".into() };
    ["part", "sort"].map(string).into()
}

fn is_ours(table: &Table) -> bool {
    let is_defined = |definition: &AttributeDefinition| table.attribute_definitions.contains(definition);
    table.key_schema == key_schema() && attribute_definitions().iter().all(is_defined)
}

fn schema_key() -> Item<'static> {
    key(Space::Own, "schema", "")
}

/// Reads the number of the schema, or writes it where nothing is.
async fn check_schema(connection: &Connection) -> Result<(), Refusal> {
    if let Some(found) = read_schema(connection).await? {
        return known(found);
    }
    let request = ScanSome { table_name: &connection.table, consistent_read: true, limit: 1 };
    let some: Page =
        connection.ask("Scan", &request, Patience::READ).await.map_err(failed("read the table"))?;
    // What another replica writes at this moment is ours too.
    let is_strange = |item: &Item<'_>| items::key_of(Space::Own, item).is_err();
    if some.items.iter().any(is_strange) {
        return match read_schema(connection).await? {
            Some(found) => known(found),
            None => Err(Refusal::Foreign),
        };
    }
    match write_schema(connection).await {
        // Another replica was faster.
        Err(Failure::Condition) => read_schema(connection).await?.map_or(Err(Refusal::Foreign), known),
        other => other.map_err(failed("write the number of the schema")),
    }
}

fn known(found: i64) -> Result<(), Refusal> {
    if found <= SCHEMA { Ok(()) } else { Err(Refusal::Newer(found)) }
}

async fn read_schema(connection: &Connection) -> Result<Option<i64>, Refusal> {
    let found =
        connection.read_items(vec![schema_key()]).await.map_err(failed("read the number of the schema"))?;
    let Some(item) = found.into_iter().next() else { return Ok(None) };
    match &item.n {
        Some(Value::N(digits)) => digits.parse().map(Some).map_err(|_| Refusal::Foreign),
        _ => Err(Refusal::Foreign),
    }
}

async fn write_schema(connection: &Connection) -> Result<(), Failure> {
    let write = Write {
        table_name: &connection.table,
        item: Some(Item { n: Some(number(SCHEMA)), ..schema_key() }),
        key: None,
        condition_expression: Some("attribute_not_exists(#part)"),
        update_expression: None,
        expression_attribute_names: BTreeMap::from([("#part", "part")]),
        expression_attribute_values: BTreeMap::new(),
    };
    let request =
        TransactWriteItems { mark: items::mark(Rev::fresh()), transact_items: vec![Action::Put(write)] };
    connection.ask::<Ignored>("TransactWriteItems", &request, Patience::WRITE).await.map(|_| ())
}

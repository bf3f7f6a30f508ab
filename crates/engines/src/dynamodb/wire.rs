//! What is said to DynamoDB and what it answers: the parts of its JSON protocol that the engine needs.
//!
//! Names are the service's own, which is why this file alone may use all of its words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A typed value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Value<'a> {
    /// A string.
    S(Cow<'a, str>),
    /// A number, in digits.
    N(Cow<'a, str>),
}

/// An item: a document (`rev`, `body`), a counter (`n`), a note of the engine's own, or only the key of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Item<'a> {
    pub(super) part: Value<'a>,
    pub(super) sort: Value<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rev: Option<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<Value<'a>>,
}

/// Names for expressions, so that no attribute can be taken for a reserved word.
pub(super) type Names = BTreeMap<&'static str, &'static str>;
/// Values for expressions.
pub(super) type Values<'a> = BTreeMap<&'static str, Value<'a>>;

/// `TransactWriteItems`: all of it or none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactWriteItems<'a> {
    /// The same for ten minutes means the same transaction: it is applied once, however often it is asked for.
    #[serde(rename = "ClientRequestToken")]
    pub(super) mark: String,
    pub(super) transact_items: Vec<Action<'a>>,
}

/// One operation of a transaction.
#[derive(Debug, Serialize)]
pub(super) enum Action<'a> {
    Put(Write<'a>),
    Delete(Write<'a>),
    Update(Write<'a>),
    ConditionCheck(Write<'a>),
}

/// What an operation writes, where, and on what condition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Write<'a> {
    pub(super) table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition_expression: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_expression: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) expression_attribute_names: Names,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) expression_attribute_values: Values<'a>,
}

/// `BatchGetItem`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItem<'a> {
    pub(super) request_items: BTreeMap<&'a str, KeysAndAttributes<'a>>,
}

/// The keys to read from one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeysAndAttributes<'a> {
    pub(super) keys: Vec<Item<'a>>,
    pub(super) consistent_read: bool,
}

/// The answer to [`BatchGetItem`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItemOutput {
    #[serde(default)]
    pub(super) responses: BTreeMap<String, Vec<Item<'static>>>,
    #[serde(default)]
    pub(super) unprocessed_keys: BTreeMap<String, UnprocessedKeys>,
}

/// Keys that were not read this time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnprocessedKeys {
    pub(super) keys: Vec<Item<'static>>,
}

/// `Query`: a range of one partition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Query<'a> {
    pub(super) table_name: &'a str,
    pub(super) consistent_read: bool,
    pub(super) scan_index_forward: bool,
    pub(super) limit: u32,
    pub(super) key_condition_expression: &'static str,
    pub(super) expression_attribute_names: Names,
    pub(super) expression_attribute_values: Values<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exclusive_start_key: Option<Item<'static>>,
}

/// The answer to [`Query`] and to `Scan`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) items: Vec<Item<'static>>,
    pub(super) last_evaluated_key: Option<Item<'static>>,
}

/// The answer to `DescribeTable`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeTableOutput {
    pub(super) table: Table,
}

/// What a table is like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Table {
    #[serde(rename = "TableStatus")]
    pub(super) status: String,
    pub(super) key_schema: Vec<KeySchemaElement>,
    pub(super) attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    pub(super) deletion_protection_enabled: bool,
}

/// One half of a table's key.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeySchemaElement {
    pub(super) attribute_name: String,
    pub(super) key_type: String,
}

/// The type of a key's attribute.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeDefinition {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

/// An error as the service words it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(rename = "__type", default)]
    pub(super) kind: String,
    #[serde(alias = "Message", default)]
    pub(super) message: String,
    #[serde(rename = "CancellationReasons", default)]
    pub(super) reasons: Vec<Reason>,
}

/// Why one operation of a transaction was in the way.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    #[serde(rename = "Code", default)]
    pub(super) code: Option<String>,
}

/// `DescribeTable` and other questions that only name a table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfTable<'a> {
    pub(super) table_name: &'a str,
}

/// `Scan`, to see whether a table holds anything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScanSome<'a> {
    pub(super) table_name: &'a str,
    pub(super) consistent_read: bool,
    pub(super) limit: u32,
}

/// `CreateTable`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTable<'a> {
    pub(super) table_name: &'a str,
    pub(super) billing_mode: &'static str,
    pub(super) deletion_protection_enabled: bool,
    pub(super) key_schema: Vec<KeySchemaElement>,
    pub(super) attribute_definitions: Vec<AttributeDefinition>,
}

/// `UpdateContinuousBackups`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateContinuousBackups<'a> {
    pub(super) table_name: &'a str,
    pub(super) point_in_time_recovery_specification: PointInTimeRecovery,
}

/// Whether any state of the last days can be restored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PointInTimeRecovery {
    pub(super) point_in_time_recovery_enabled: bool,
}

/// An answer whose content does not matter.
#[derive(Debug, Deserialize)]
pub(super) struct Ignored {}

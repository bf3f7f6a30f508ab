//! What is asked of the service, and what its answers mean, without a service.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_store::{Batch, Key, Op, Rev, Scan};
use serde_json::{Value, json};

use super::client::{Failure, failure};
use super::items::{self, Space};

/// What the service calls the mark of a transaction.
const MARK: &str = concat!("ClientRequestT", "oken");

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn a_batch_is_one_transaction_with_a_mark_of_its_own() {
    let mut batch = Batch::new();
    let ops = [
        ("a", Op::Create("{}".into())),
        ("b", Op::Update(Rev(7), "{\"n\":1}".into())),
        ("c", Op::Delete(Rev(8))),
        ("d", Op::Require(Rev(9))),
        ("e", Op::Put(String::new())),
        ("f", Op::Remove),
    ];
    for (sort, op) in ops {
        batch.add(Key::new("p", sort), op).unwrap();
    }
    let rev = batch.rev().0.to_string();
    let key = |sort: &str| json!({ "part": { "S": "doc:p" }, "sort": { "S": format!("={sort}") } });
    let item = |sort: &str, body: &str| {
        let mut item = key(sort);
        item["rev"] = json!({ "N": rev });
        item["body"] = json!({ "S": body });
        item
    };
    let at_rev = |mut write: Value, rev: &str| {
        write["ConditionExpression"] = json!("#rev = :rev");
        write["ExpressionAttributeNames"] = json!({ "#rev": "rev" });
        write["ExpressionAttributeValues"] = json!({ ":rev": { "N": rev } });
        write
    };
    let expected = json!({
        (MARK): format!("{:016x}", batch.rev().0),
        "TransactItems": [
            { "Put": {
                "TableName": "t", "Item": item("a", "{}"),
                "ConditionExpression": "attribute_not_exists(#part)",
                "ExpressionAttributeNames": { "#part": "part" },
            } },
            { "Put": at_rev(json!({ "TableName": "t", "Item": item("b", "{\"n\":1}") }), "7") },
            { "Delete": at_rev(json!({ "TableName": "t", "Key": key("c") }), "8") },
            { "ConditionCheck": at_rev(json!({ "TableName": "t", "Key": key("d") }), "9") },
            { "Put": { "TableName": "t", "Item": item("e", "") } },
            { "Delete": { "TableName": "t", "Key": key("f") } },
        ],
    });
    assert_eq!(json_of(&items::transaction("t", &batch)), expected);
    assert_eq!(json_of(&items::transaction("t", &batch.clone())), expected, "the same when it is repeated");
    let mut other = Batch::new();
    other.add(Key::new("p", "a"), Op::Remove).unwrap();
    let marks = [&batch, &other].map(|batch| items::transaction("t", batch).mark);
    assert!(marks[0] != marks[1] && marks.iter().all(|mark| mark.len() <= 36));
}

#[test]
fn a_scan_is_one_range() {
    let check = |after: Option<&str>, before: Option<&str>, expected: Option<(&str, Value, u32)>| {
        let (after, before) = (after.map(String::from), before.map(String::from));
        let scan = Scan { part: "p".into(), after, before, limit: 5, reverse: true };
        let query = items::query("t", Space::Counters, &scan).map(|query| json_of(&query));
        let expected = expected.map(|(condition, mut values, limit)| {
            values[":part"] = json!({ "S": "count:p" });
            let mut names = json!({ "#part": "part" });
            if condition.contains("#sort") {
                names["#sort"] = json!("sort");
            }
            json!({
                "TableName": "t", "ConsistentRead": true, "ScanIndexForward": false, "Limit": limit,
                "KeyConditionExpression": condition, "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            })
        });
        assert_eq!(query, expected);
    };
    let above = json!({ "S": "=a\0" });
    let below = json!({ "S": "=c" });
    check(None, None, Some(("#part = :part", json!({}), 5)));
    check(Some("a"), None, Some(("#part = :part AND #sort >= :above", json!({ ":above": above }), 5)));
    check(None, Some("c"), Some(("#part = :part AND #sort < :below", json!({ ":below": below }), 5)));
    let both = json!({ ":above": above, ":below": below });
    check(Some("a"), Some("c"), Some(("#part = :part AND #sort BETWEEN :above AND :below", both, 6)));
    // The service refuses crossed bounds.
    check(Some("c"), Some("c"), None);
    check(Some("d"), Some("c"), None);
    check(Some("c"), Some("c\0"), None);
}

#[test]
fn deltas_are_added_up_and_divided() {
    let key = |number: i64| Key::new("p", format!("{number:03}"));
    let deltas: Vec<_> = (0..500).map(|number| (key(number % 250), number)).collect();
    let transactions = items::additions("t", &deltas);
    let sizes: Vec<_> = transactions.iter().map(|transaction| transaction.transact_items.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    let first = json!({ "Update": {
        "TableName": "t", "Key": { "part": { "S": "count:p" }, "sort": { "S": "=000" } },
        "UpdateExpression": "ADD #n :n", "ExpressionAttributeNames": { "#n": "n" },
        "ExpressionAttributeValues": { ":n": { "N": "250" } },
    } });
    assert_eq!(json_of(&transactions[0].transact_items[0]), first);
    assert!(items::additions("t", &[]).is_empty());
}

#[test]
fn sizes_count_what_the_service_adds() {
    let mut batch = Batch::new();
    let body = "x".repeat(Batch::MAX_BODY_BYTES);
    for number in 0..15 {
        batch.add(Key::new("p", format!("{number:02}")), Op::Put(body.clone())).unwrap();
    }
    let rest = Batch::MAX_BYTES - 15 * (body.len() + 3) - 5;
    batch.add(Key::new("q", "rest"), Op::Put("x".repeat(rest))).unwrap();
    let bytes: usize = json_of(&items::transaction("t", &batch))["TransactItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| item_bytes(&action["Put"]["Item"]))
        .sum();
    let counted = items::size_bytes(&batch);
    assert!(bytes <= counted && counted < bytes + 16 * 16, "{bytes} bytes, counted as {counted}");
}

/// The service's rule: names and strings by their bytes, a number by half of its digits and one.
fn item_bytes(item: &Value) -> usize {
    let sizes = item.as_object().unwrap().iter().map(|(name, value)| {
        let number = value["N"].as_str().map(|digits| digits.len().div_ceil(2) + 1);
        name.len() + number.unwrap_or_else(|| value["S"].as_str().unwrap().len())
    });
    sizes.sum()
}

#[test]
fn complaints_are_sorted_by_what_to_do() {
    let canceled = |codes: &[&str]| {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        let body = json!({ "__type": kind, "Message": "m", "CancellationReasons": reasons });
        failure(400, body.to_string().as_bytes())
    };
    assert!(matches!(canceled(&["None", "ConditionalCheckFailed"]), Failure::Condition));
    assert!(matches!(canceled(&["TransactionConflict", "ConditionalCheckFailed"]), Failure::Condition));
    assert!(matches!(canceled(&["TransactionConflict", "None"]), Failure::Contended));
    assert!(matches!(canceled(&["ThrottlingError"]), Failure::Throttled { .. }));
    assert!(matches!(canceled(&["ProvisionedThroughputExceeded"]), Failure::Throttled { .. }));
    assert!(matches!(canceled(&["ValidationError"]), Failure::Refused { .. }));
    let plain = |status: u16, kind: &str| {
        failure(status, json!({ "__type": format!("x#{kind}"), "message": "m" }).to_string().as_bytes())
    };
    assert!(matches!(plain(400, "ThrottlingException"), Failure::Throttled { .. }));
    assert!(matches!(plain(400, "TransactionConflictException"), Failure::Contended));
    assert!(plain(400, "ResourceNotFoundException").is("ResourceNotFoundException"));
    assert!(!plain(400, "AccessDeniedException").is_transient());
    for lost in [
        plain(400, "TransactionInProgressException"),
        plain(500, "InternalServerError"),
        plain(503, "ServiceUnavailable"),
        failure(502, b"<html>"),
        failure(400, b"{\"half"),
    ] {
        assert!(lost.may_have_happened() && lost.is_transient(), "{lost:?}");
    }
}

#[test]
fn strange_items_are_told() {
    let item = |value: Value| serde_json::from_value(value).unwrap();
    let good =
        json!({ "part": { "S": "doc:p" }, "sort": { "S": "=s" }, "rev": { "N": "4" }, "body": { "S": "b" } });
    let doc = items::doc_of(item(good.clone())).unwrap();
    assert_eq!((doc.key, doc.rev, doc.body), (Key::new("p", "s"), Rev(4), "b".to_owned()));
    for (name, value) in [
        ("part", json!({ "S": "p" })),
        ("sort", json!({ "S": "s" })),
        ("rev", json!({ "N": "1.5" })),
        ("rev", json!({ "S": "4" })),
        ("body", json!({ "N": "4" })),
    ] {
        let mut strange = good.clone();
        strange[name] = value;
        assert!(items::doc_of(item(strange)).is_err(), "{name}");
    }
    assert!(items::counter_of(&item(good)).is_err());
}

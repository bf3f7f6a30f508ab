//! The reporting views on each engine that speaks SQL: documents as the registry writes them come out as rows.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_engines::{Options, open_with};
use holdfast_registry::VIEWS;
use holdfast_registry::entity::{
    AuditEntry, CrateHead, Membership, RegistryRecord, Team, Token, TokenUse, User, Version,
};
use holdfast_servers::Kind;
use holdfast_store::{Entity, Key, Store, Tx, View};
use serde_json::{Value, json};
use std::sync::Arc;

const OPTIONS: Options = Options { views: VIEWS };
const DESCRIPTION: &str = "it's \"\u{1F980}\"";
const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let ask = |sql: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..count).map(|place| cell(row.get(place).unwrap())).collect();
            lines.push(cells.join("\t"));
        }
        lines.join("\n")
    };
    check(&format!("sqlite:{}", path.display()), ask).await;
}

fn cell(value: rusqlite::types::Value) -> String {
    match value {
        rusqlite::types::Value::Null => "NULL".into(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(server) = Kind::Postgres.start() else { return };
    let url = server.place();
    let ask = |sql: &str| {
        let place = place(&url);
        server.administer(&format!("\\connect {place}\n\\pset null NULL\nSET timezone = 'UTC'; {sql};"))
    };
    check(&url, ask).await;
    let ask = |sql: &str| server.administer(&format!("\\connect {}\n{sql};", place(&url)));
    // What was granted survives a new view, and a changed one takes the place of the old.
    ask("CREATE ROLE reporting; GRANT SELECT ON holdfast_users TO reporting");
    open_with(&url, &Options { views: CHANGED }).await.unwrap();
    let seen = ask("SET ROLE reporting; SELECT login, more FROM holdfast_users");
    assert_eq!(seen, "alice\talice\n");
    assert_eq!(ask("SELECT team FROM holdfast_teams"), "core\n", "with other columns than before");
    let views = ask("SELECT count(*) FROM pg_views WHERE viewname LIKE 'holdfast%'");
    assert_eq!(views, "2\n", "the others are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql() {
    let Some(server) = Kind::Mysql.start() else { return };
    let url = server.place();
    let ask = |sql: &str| server.administer(&format!("USE {}; {sql}", place(&url)));
    check(&url, ask).await;
    open_with(&url, &Options { views: CHANGED }).await.unwrap();
    assert_eq!(ask("SELECT login, more FROM holdfast_users"), "alice\talice\n");
    assert_eq!(ask("SELECT team FROM holdfast_teams"), "core\n");
    assert_eq!(ask("SHOW FULL TABLES WHERE Table_type = 'VIEW'").lines().count(), 2);
}

/// As a later release might have them: a column more, and one renamed.
const CHANGED: &[View] = &[
    View { columns: &[TEAM], ..*view("holdfast_teams") },
    View { columns: &[LOGIN, ROLE, SERVICE, DISABLED, LEAVING, SINCE, MORE], ..*view("holdfast_users") },
];

const TEAM: holdfast_store::ViewColumn =
    holdfast_store::ViewColumn { name: "team", ..view("holdfast_teams").columns[0] };
const LOGIN: holdfast_store::ViewColumn = view("holdfast_users").columns[0];
const ROLE: holdfast_store::ViewColumn = view("holdfast_users").columns[1];
const SERVICE: holdfast_store::ViewColumn = view("holdfast_users").columns[2];
const DISABLED: holdfast_store::ViewColumn = view("holdfast_users").columns[3];
const LEAVING: holdfast_store::ViewColumn = view("holdfast_users").columns[4];
const SINCE: holdfast_store::ViewColumn = view("holdfast_users").columns[5];
const MORE: holdfast_store::ViewColumn = holdfast_store::ViewColumn { name: "more", ..LOGIN };

const fn view(name: &str) -> &'static View {
    let mut place = 0;
    loop {
        if is(VIEWS[place].name, name) {
            return &VIEWS[place];
        }
        place += 1;
    }
}

const fn is(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut place = 0;
    while place < left.len() && place < right.len() && left[place] == right[place] {
        place += 1;
    }
    left.len() == right.len() && place == left.len()
}

fn place(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1.split_once('?').unwrap().0
}

/// Opens a new database, writes one of each kind of document, and compares every view.
async fn check(url: &str, ask: impl Fn(&str) -> String) {
    let store = open_with(url, &OPTIONS).await.unwrap();
    fill(&store).await;
    for (name, expected) in expected() {
        let view = VIEWS.iter().find(|view| view.name == name).unwrap();
        let columns: Vec<&str> = view.columns.iter().map(|column| column.name).collect();
        let order = if columns.len() > 3 { "1, 2, 3, 4" } else { "1, 2, 3" };
        let said = ask(&format!("SELECT {} FROM {name} ORDER BY {order}", columns.join(", ")));
        let mut rows: Vec<Vec<String>> =
            said.lines().map(|line| line.split('\t').map(normal).collect()).collect();
        // Each database shows a NUL in its own way; none may fail on it.
        rows.iter_mut().flatten().filter(|cell| cell.starts_with(DESCRIPTION)).for_each(String::clear);
        assert_eq!(rows, expected, "{name} of {}", store.engine());
    }
    assert_eq!(expected().len(), VIEWS.len());
    // Opened again with the same views nothing is done, and without any they stay.
    drop(open_with(url, &OPTIONS).await.unwrap());
    drop(holdfast_engines::open(url).await.unwrap());
    assert_eq!(ask("SELECT count(*) FROM holdfast_crates").trim(), "1");
}

/// A cell as all engines could have written it.
fn normal(cell: &str) -> String {
    let is_time = cell.len() > 18 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[13] == b':';
    if is_time {
        let cell = cell.replace('T', " ");
        return cell.trim_end_matches("+00").trim_end_matches(['Z', '0']).trim_end_matches('.').to_owned();
    }
    match cell {
        "t" => "1".into(),
        "f" => "0".into(),
        // One database writes JSON with spaces.
        json if json.starts_with(['[', '{']) => serde_json::from_str::<Value>(json).unwrap().to_string(),
        other => other.into(),
    }
}

async fn fill(store: &Arc<dyn Store>) {
    let at = "2026-01-31T12:00:07Z";
    create::<RegistryRecord>(store, json!({
        "name": "main", "kind": "hosted", "anonymous_read": true, "required_fields": null, "created_at": at,
    })).await;
    create::<CrateHead>(store, json!({
        "registry": "main", "name": "Big_Crate", "owners": ["alice", "team:core"], "created_at": at,
        "updated_millis": 1_769_860_807_250_u64, "max_version": "1.0.0+b", "max_yanked": false,
        "version_count": 2,
        "about": { "description": format!("{DESCRIPTION}\u{0}\\u0000"), "license": "MIT", "keywords": ["a", "b"] },
        "dependencies": ["other"],
    })).await;
    for (version, removed) in [("1.0.0+b", false), ("0.9.0", true)] {
        let mut body = json!({
            "registry": "main", "size_bytes": 5_000_000_000_u64, "published_at": at, "published_by": null,
            "about": { "license": "null" },
            "line": {
                "name": "Big_Crate", "vers": version, "deps": [], "cksum": DIGEST, "features": { "x": ["y"] },
                "yanked": removed, "rust_version": "1.95",
            },
        });
        if removed {
            body["removed"] = json!({ "at": at, "by": "user:alice" });
        }
        create::<Version>(store, body).await;
    }
    create::<User>(store, json!({ "login": "alice", "role": "admin", "service": true, "created_at": at }))
        .await;
    create::<Team>(store, json!({ "name": "core", "created_at": at })).await;
    create::<Membership>(store, json!({ "team": "core", "login": "alice", "since": at })).await;
    create::<Token>(store, json!({
        "id": "abcdefghijk", "login": "alice", "label": "ci", "digest": DIGEST, "scopes": {}, "created_at": at,
        "expires_at": null,
    })).await;
    create::<TokenUse>(store, json!({ "id": "abcdefghijk", "at": at, "address": "::1" })).await;
    for (id, outcome) in [("1", json!("done")), ("2", json!({ "refused": "no" }))] {
        create::<AuditEntry>(store, json!({
            "id": id, "at": at, "actor": "user:alice", "login": "alice", "token": null, "address": null,
            "action": "publish", "registry": "main", "subject": "foo@1.0.0", "outcome": outcome, "detail": null,
        })).await;
    }
    let counted =
        [("total", 12), ("version/1.0.0", 12), ("day/2026-01-30/1.0.0", 5), ("day/2026-01-31/1.0.0", 7)];
    let deltas = counted.map(|(sort, count)| (Key::new("downloads/main/big_crate", sort), count));
    store.count(&deltas).await.unwrap();
    // Neighbours of the partitions that the views look at.
    store.count(&[(Key::new("downloads0", "total"), 1), (Key::new("downloads", "total"), 1)]).await.unwrap();
}

async fn create<E: Entity>(store: &Arc<dyn Store>, body: Value) {
    let entity = E::from_body(&body.to_string()).unwrap();
    let mut tx = Tx::new(store);
    tx.create(&entity).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), holdfast_store::Committed::Yes);
}

fn expected() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    const AT: &str = "2026-01-31 12:00:07";
    let crates = vec![
        "main",
        "big_crate",
        "Big_Crate",
        r#"["alice","team:core"]"#,
        AT,
        "2026-01-31 12:00:07.25",
        "1.0.0+b",
        "0",
        "2",
        "",
        "MIT",
        "NULL",
        "NULL",
        "NULL",
        r#"["a","b"]"#,
        "NULL",
        r#"["other"]"#,
    ];
    let version = |version, yanked, at, by| {
        vec![
            "main",
            "big_crate",
            "Big_Crate",
            version,
            yanked,
            DIGEST,
            "5000000000",
            AT,
            "NULL",
            "1.95",
            "NULL",
            "null",
            r#"{"x":["y"]}"#,
            "[]",
            at,
            by,
        ]
    };
    let entry = |id, refusal| {
        let what = ["publish", "main", "foo@1.0.0", refusal, "NULL"];
        [&[id, AT, "user:alice", "alice", "NULL", "NULL"][..], &what].concat()
    };
    let scopes = r#"{"crates":[],"endpoints":[],"registries":[]}"#;
    vec![
        ("holdfast_audit", vec![entry("1", "NULL"), entry("2", "no")]),
        ("holdfast_crates", vec![crates]),
        (
            "holdfast_daily_downloads",
            vec![
                vec!["main", "big_crate", "2026-01-30", "1.0.0", "5"],
                vec!["main", "big_crate", "2026-01-31", "1.0.0", "7"],
            ],
        ),
        ("holdfast_downloads", vec![vec!["main", "big_crate", "12"]]),
        ("holdfast_members", vec![vec!["core", "alice", AT]]),
        ("holdfast_registries", vec![vec!["main", "hosted", "1", "NULL", AT, "0"]]),
        ("holdfast_teams", vec![vec!["core", AT, "0"]]),
        ("holdfast_token_uses", vec![vec!["abcdefghijk", AT, "::1"]]),
        ("holdfast_tokens", vec![vec!["abcdefghijk", "alice", "ci", scopes, AT, "NULL"]]),
        ("holdfast_users", vec![vec!["alice", "admin", "1", "0", "0", AT]]),
        ("holdfast_version_downloads", vec![vec!["main", "big_crate", "1.0.0", "12"]]),
        (
            "holdfast_versions",
            vec![version("0.9.0", "1", AT, "user:alice"), version("1.0.0+b", "0", "NULL", "NULL")],
        ),
    ]
}

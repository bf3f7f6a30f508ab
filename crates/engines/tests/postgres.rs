//! PostgreSQL: the suite that every engine runs, and what only a server can do to its clients.

#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod sql;

use holdfast_servers::Kind;
use holdfast_store::{Key, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance() {
    sql::conformance(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_prepared_statements() {
    let Some(server) = Kind::Postgres.start() else { return };
    let store = sql::open(&format!("{}&prepared=false&max_connections=1", server.place())).await;
    let first = sql::commit(&*store, "p", "a").await.unwrap();
    assert_eq!(sql::sorts(&*store, "p").await, ["a"]);
    assert!(matches!(sql::commit(&*store, "p", "a").await, Err(StoreError::Conflict)));
    store.count(&[(Key::new("c", "n"), 2), (Key::new("c", "n"), 3)]).await.unwrap();
    assert_eq!(store.counters(&sql::all("c")).await.unwrap(), [(Key::new("c", "n"), 5)]);
    let keys = [Key::new("p", "b"), Key::new("p", "a")];
    let docs = store.get_many(&keys).await.unwrap();
    assert_eq!(
        docs.iter().map(|doc| doc.as_ref().map(|doc| doc.rev)).collect::<Vec<_>>(),
        [None, Some(first)]
    );
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn troubles() {
    sql::troubles(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsafe_settings_are_refused() {
    let Some(server) = Kind::Postgres.start() else { return };
    for (name, bad, good) in [("fsync", "off", "on"), ("full_page_writes", "off", "on")] {
        let url = server.place();
        server.administer(&format!("ALTER SYSTEM SET {name} = {bad}; SELECT pg_reload_conf();"));
        sql::refused(&url, &format!("would not be durable: `{name}` is `{bad}`; set `{name} = {good}`"))
            .await;
        server.administer(&format!("ALTER SYSTEM SET {name} = {good}; SELECT pg_reload_conf();"));
        sql::accepted(&url).await;
    }
    server
        .administer("CREATE DATABASE latin OWNER holdfast ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;");
    let url = server.place();
    let (address, _) = url.rsplit_once("/place").unwrap();
    let latin = format!("{address}/latin?sslmode=disable");
    sql::refused(&latin, "`server_encoding` is `LATIN1`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_synced_though_the_database_says_otherwise() {
    let Some(server) = Kind::Postgres.start() else { return };
    // Nothing would be written for seconds, were it not waited for.
    server.administer(
        "ALTER SYSTEM SET synchronous_commit = off; ALTER SYSTEM SET wal_writer_delay = '10s'; \
         SELECT pg_reload_conf();",
    );
    let url = server.place();
    let store = sql::open(&url).await;
    for number in 0..20 {
        sql::commit(&*store, "p", &format!("{number:02}")).await.unwrap();
        store.count(&[(Key::new("c", "n"), 1)]).await.unwrap();
    }
    server.process().kill();
    server.process().start_again();
    let store = sql::open(&url).await;
    assert_eq!(sql::sorts(&*store, "p").await.len(), 20);
    assert_eq!(store.counters(&sql::all("c")).await.unwrap(), [(Key::new("c", "n"), 20)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption() {
    let Some(server) = Kind::Postgres.start() else { return };
    let url = server.place();
    let (plain, _) = url.split_once('?').unwrap();
    // The certificate is for this name only.
    let named = plain.replace("127.0.0.1", "localhost");
    let file = |name: &str| server.process().folder().join(name).display().to_string().replace('/', "%2F");
    let (right, wrong) = (file("ca.pem"), file("other-ca.pem"));
    sql::accepted(&format!("{plain}?sslmode=require")).await;
    sql::accepted(plain).await;
    sql::accepted(&format!("{named}?sslmode=verify-full&sslrootcert={right}")).await;
    sql::accepted(&format!("{plain}?sslmode=verify-ca&sslrootcert={right}")).await;
    let certificate = "invalid peer certificate";
    sql::refused(&format!("{plain}?sslmode=verify-full&sslrootcert={right}"), certificate).await;
    sql::refused(&format!("{named}?sslmode=verify-full&sslrootcert={wrong}"), certificate).await;
    sql::refused(&format!("{plain}?sslmode=verify-ca&sslrootcert={wrong}"), certificate).await;
    sql::refused(&format!("{plain}?sslmode=require&sslrootcert={wrong}"), certificate).await;
    sql::refused(&format!("{named}?sslmode=verify-full"), certificate).await;
    sql::refused(&format!("{named}?sslmode=verify-full&sslrootcert=/none"), "cannot read the certificates")
        .await;
    sql::refused(&format!("{plain}?sslmode=maybe"), "`sslmode` is `maybe`; use disable, prefer").await;
    // And it was used, not only offered.
    server.administer("CREATE TABLE seen AS SELECT ssl FROM pg_stat_ssl LIMIT 0;");
    let store = sql::open(&format!("{plain}?sslmode=require")).await;
    server.administer(
        "INSERT INTO seen SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE usename = 'holdfast'; DO 'BEGIN ASSERT (SELECT bool_and(ssl) FROM seen); END';",
    );
    drop(store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_and_foreign_databases_are_refused() {
    let Some(server) = Kind::Postgres.start() else { return };
    let name = |url: &str| url.rsplit_once('/').unwrap().1.split_once('?').unwrap().0.to_owned();
    let run = |url: &str, statement: &str| {
        let psql = format!("\\connect {}\n{statement}", name(url));
        server.administer(&psql);
    };
    let url = server.place();
    sql::accepted(&url).await;
    run(&url, "UPDATE holdfast_meta SET value = '99' WHERE name = 'schema';");
    sql::refused(&url, "has schema `99`, newer than the `1` of this release").await;
    let url = server.place();
    run(&url, "CREATE TABLE holdfast_meta (x int); GRANT ALL ON holdfast_meta TO holdfast;");
    sql::refused(&url, "belongs to another program").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_that_the_handbook_names_are_enough() {
    let Some(server) = Kind::Postgres.start() else { return };
    let url = server.place();
    sql::accepted(&url).await;
    let (_, place) = url.rsplit_once('/').unwrap();
    let (place, _) = place.split_once('?').unwrap();
    server.administer(&format!(
        "CREATE ROLE modest LOGIN PASSWORD 'a secret'; \\connect {place}\n
         GRANT SELECT, INSERT, UPDATE, DELETE ON holdfast_doc, holdfast_counter TO modest;
         GRANT SELECT ON holdfast_meta TO modest;"
    ));
    sql::everything(&url.replace("//holdfast:", "//modest:")).await;
}

//! MariaDB: the suite that every engine runs, and what only a server can do to its clients.

#![cfg(feature = "mysql")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod sql;

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_servers::Kind;
use holdfast_store::{Batch, Key, Op, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance() {
    sql::conformance(Kind::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn troubles() {
    sql::troubles(Kind::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsafe_settings_are_refused() {
    let Some(server) = Kind::Mysql.start() else { return };
    let settings =
        [("innodb_flush_log_at_trx_commit", "2", "1"), ("max_allowed_packet", "1048576", "16777216")];
    for (name, bad, good) in settings {
        let url = server.place();
        server.administer(&format!("SET GLOBAL {name} = {bad}"));
        sql::refused(&url, &format!("would not be durable: `{name}` is `{bad}`; set `{name} = 1")).await;
        server.administer(&format!("SET GLOBAL {name} = {good}"));
        sql::accepted(&url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption() {
    let Some(server) = Kind::Mysql.start() else { return };
    let url = server.place();
    let (plain, _) = url.split_once('?').unwrap();
    // The certificate is for this name only.
    let named = plain.replace("127.0.0.1", "localhost");
    let file = |name: &str| server.process().folder().join(name).display().to_string();
    let (right, wrong) = (file("ca.pem"), file("other-ca.pem"));
    server.administer("GRANT USAGE ON *.* TO holdfast REQUIRE SSL");
    sql::refused(&url, "Access denied").await;
    sql::accepted(plain).await;
    sql::accepted(&format!("{plain}?ssl-mode=required")).await;
    sql::accepted(&format!("{named}?ssl-mode=verify-identity&ssl-ca={right}")).await;
    let certificate = "invalid peer certificate";
    sql::refused(&format!("{plain}?ssl-ca={right}"), certificate).await;
    sql::refused(&format!("{named}?ssl-mode=verify-identity&ssl-ca={wrong}"), certificate).await;
    sql::refused(&format!("{named}?ssl-mode=verify-identity"), certificate).await;
    sql::refused(&format!("{named}?ssl-mode=verify-identity&ssl-ca=/none"), "cannot read the certificates")
        .await;
    sql::refused(&format!("{plain}?ssl-mode=maybe"), "`ssl-mode` is `maybe`; use disabled, preferred").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_and_foreign_databases_are_refused() {
    let Some(server) = Kind::Mysql.start() else { return };
    let name = |url: &str| url.rsplit_once('/').unwrap().1.split_once('?').unwrap().0.to_owned();
    let url = server.place();
    sql::accepted(&url).await;
    server.administer(&format!("UPDATE {}.holdfast_meta SET value = '99' WHERE name = 'schema'", name(&url)));
    sql::refused(&url, "has schema `99`, newer than the `1` of this release").await;
    let url = server.place();
    server.administer(&format!("CREATE TABLE {}.holdfast_meta (x int)", name(&url)));
    sql::refused(&url, "belongs to another program").await;
    let url = server.place();
    let (server_only, _) = url.rsplit_once('/').unwrap();
    sql::refused(&format!("{server_only}/?ssl-mode=disabled"), "the URL names no database").await;
    sql::refused(&format!("{url}&pool=3"), "the URL parameter `pool` is not known here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_that_the_handbook_names_are_enough() {
    let Some(server) = Kind::Mysql.start() else { return };
    let url = server.place();
    sql::accepted(&url).await;
    let (_, place) = url.rsplit_once('/').unwrap();
    let (place, _) = place.split_once('?').unwrap();
    server.administer(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {place}.* TO modest IDENTIFIED BY 'a secret'"
    ));
    sql::everything(&url.replace("//holdfast:", "//modest:")).await;
}

/// The way to the server of a machine that is gone when it wants to commit: from then on the server hears nothing
/// more from it, not even an end.
async fn vanishing(url: &str) -> (String, Arc<Notify>) {
    let (_, rest) = url.split_once('@').unwrap();
    let server = rest.split_once('/').unwrap().0.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
    let gone = Arc::new(Notify::new());
    let when_gone = gone.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(pass_until_commit(client, server, gone.clone()));
        }
    });
    (url, when_gone)
}

async fn pass_until_commit(client: TcpStream, server: TcpStream, gone: Arc<Notify>) {
    let ((mut asks, mut hears), (mut answers, mut told)) = (client.into_split(), server.into_split());
    let _answers = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut hears).await });
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = asks.read(&mut bytes).await.unwrap();
        // A command with a query is a 3 and its words.
        if bytes[..count].windows(7).any(|word| word == b"\x03COMMIT") {
            gone.notify_one();
            // Both ends stay open.
            return std::future::pending().await;
        }
        if count == 0 || told.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_gone_keeps_no_locks() {
    let Some(server) = Kind::Mysql.start() else { return };
    let url = server.place();
    let store = sql::open(&url).await;
    let put = || {
        let mut batch = Batch::new();
        batch.add(Key::new("p", "s"), Op::Put("{}".into())).unwrap();
        batch
    };
    let (other_way, when_gone) = vanishing(&url).await;
    let other = sql::open(&other_way).await;
    let lost = tokio::spawn(async move { other.commit(put()).await });
    when_gone.notified().await;

    let began = Instant::now();
    while let Err(error) = store.commit(put()).await {
        assert!(matches!(error, StoreError::Conflict), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(40), "its locks are still there");
    }
    lost.abort();
}

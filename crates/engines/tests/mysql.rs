//! MariaDB: the suite that every engine runs, and what only a server can do to its clients.

#![cfg(feature = "mysql")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod sql;

use holdfast_servers::Kind;

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

//! Every route as every kind of actor. A new route shows up in the snapshots, and with it who may use it.

use crate::cast::{Cast, Kind};
use holdfast_web::ROUTES;
use insta::assert_snapshot;
use std::fmt::Write as _;

/// The statuses of all routes whose path is meant, one row a route.
async fn table(cast: &Cast, kind: Kind, is_meant: impl Fn(&str) -> bool) -> String {
    let mut cast = cast.again().await;
    let mut table = format!("{:86}", "");
    for actor in cast.actors.iter().filter(|actor| actor.kind == kind) {
        write!(table, " {}", actor.name).unwrap();
    }
    for route in ROUTES.iter().filter(|route| is_meant(route.path)) {
        let is_publish = route.path.ends_with("/crates/new");
        for krate in if is_publish { &["abc", "another"][..] } else { &["abc"] } {
            let what = if is_publish { format!("{} ({krate})", route.path) } else { route.path.to_owned() };
            write!(table, "\n{:7}{what:72}{:7}", route.method, format!("{:?}", route.needs)).unwrap();
            for number in 0..cast.actors.len() {
                let actor = cast.actors[number].clone();
                if actor.kind != kind {
                    continue;
                }
                let answer = actor.with(cast.request(route, krate)).send(&cast.site).await;
                assert!(answer.status < 500, "{} {}: {:?}", route.method, route.path, answer.body);
                write!(table, " {:>width$}", answer.status, width = actor.name.len()).unwrap();
                if route.method != "GET" && answer.status < 400 {
                    cast = cast.again().await;
                }
            }
        }
    }
    table
}

fn of_a_registry(path: &str) -> bool {
    path.starts_with("/r/") || path.starts_with("/api/v1/registries/")
}

fn of_a_crate(path: &str) -> bool {
    of_a_registry(path) && path.contains("{crate}") || path.ends_with("{*path}")
}

#[tokio::test]
async fn a_registry_that_needs_a_login() {
    let cast = Cast::new("main", false).await;
    assert_snapshot!("main_people", table(&cast, Kind::Person, of_a_registry).await);
    assert_snapshot!("main_secrets", table(&cast, Kind::Secret, of_a_registry).await);
}

#[tokio::test]
async fn a_registry_that_is_open() {
    let cast = Cast::new("open", false).await;
    assert_snapshot!("open_people", table(&cast, Kind::Person, of_a_registry).await);
    assert_snapshot!("open_secrets", table(&cast, Kind::Secret, of_a_registry).await);
}

/// The crate is for its owners and the team of `mate` only, in a registry that everybody reads.
#[tokio::test]
async fn a_crate_that_is_restricted() {
    let cast = Cast::new("open", true).await;
    assert_snapshot!("restricted_people", table(&cast, Kind::Person, of_a_crate).await);
    assert_snapshot!("restricted_secrets", table(&cast, Kind::Secret, of_a_crate).await);
}

#[tokio::test]
async fn the_server_itself() {
    let cast = Cast::new("main", false).await;
    let is_api = |path: &str| path.starts_with("/api/") && !of_a_registry(path);
    assert_snapshot!("server_people", table(&cast, Kind::Person, is_api).await);
    assert_snapshot!("server_secrets", table(&cast, Kind::Secret, is_api).await);
}

#[tokio::test]
async fn the_pages() {
    let cast = Cast::new("main", false).await;
    let is_page = |path: &str| !path.starts_with("/api/") && !of_a_registry(path);
    assert_snapshot!("pages_people", table(&cast, Kind::Person, is_page).await);
    assert_snapshot!("pages_secrets", table(&cast, Kind::Secret, is_page).await);
}

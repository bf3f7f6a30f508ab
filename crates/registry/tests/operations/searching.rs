//! Search: how published crates become searchable, in this process and in others.

use crate::house::{House, krate, main, v};
use holdfast_package::testing::Dependency;
use holdfast_registry::entity::CrateHead;
use holdfast_registry::{Actor, Holdfast, SearchPage, SearchRequest, Sort, Tail, Yank};
use holdfast_store::{Committed, Tx, read};
use std::time::Duration;
use tokio::sync::watch;

async fn update(holdfast: &Holdfast) {
    holdfast.index_changes(&mut Tail::default()).await.unwrap();
}

fn words(page: &SearchPage) -> String {
    let names: Vec<&str> = page.crates.iter().map(|head| head.name.as_str()).collect();
    format!("{} of {}: {}", names.len(), page.total, names.join(" "))
}

/// The first ten hits by name.
async fn found(house: &House, holdfast: &Holdfast, text: &str) -> String {
    page(holdfast, &house.rita, text, 0, 10).await
}

async fn page(holdfast: &Holdfast, actor: &Actor, text: &str, offset: usize, limit: usize) -> String {
    let request = SearchRequest { text: text.to_owned(), sort: Sort::Name, offset, limit };
    words(&holdfast.search(actor, &main(), request).await.unwrap())
}

#[tokio::test]
async fn what_is_published_becomes_searchable() {
    let house = House::new().await;
    let wave = krate("wave", "1.0.0").field("description", "Oscillators").field("keywords", vec!["audio"]);
    house.publish(&house.alice, &wave.readme("Sine and square.")).await.unwrap();
    house.have(&["stone@1.0.0"]).await;
    assert_eq!(found(&house, &house.holdfast, "wave").await, "0 of 0: ");
    update(&house.holdfast).await;
    for text in ["wave", "oscillator", "keyword:audio", "square"] {
        assert_eq!(found(&house, &house.holdfast, text).await, "1 of 1: wave", "{text}");
    }
    assert_eq!(found(&house, &house.holdfast, "").await, "2 of 2: stone wave");
    // A new version brings its own words.
    let newer = krate("wave", "1.1.0").field("description", "Resonators");
    house.publish(&house.alice, &newer).await.unwrap();
    update(&house.holdfast).await;
    assert_eq!(found(&house, &house.holdfast, "oscillator").await, "0 of 0: ");
    assert_eq!(found(&house, &house.holdfast, "square").await, "0 of 0: ");
    assert_eq!(found(&house, &house.holdfast, "resonator").await, "1 of 1: wave");
}

#[tokio::test]
async fn yanked_crates_stay_and_removed_ones_go() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "bar@1.0.0"]).await;
    update(&house.holdfast).await;
    house.yank("foo@1.0.0", Yank::Yes).await;
    update(&house.holdfast).await;
    assert_eq!(found(&house, &house.holdfast, "").await, "2 of 2: bar foo");
    house.holdfast.remove_crate(&house.root, &main(), &v("foo")).await.unwrap();
    update(&house.holdfast).await;
    assert_eq!(found(&house, &house.holdfast, "").await, "1 of 1: bar");
    house.have(&["foo@1.0.0"]).await;
    update(&house.holdfast).await;
    assert_eq!(found(&house, &house.holdfast, "").await, "2 of 2: bar foo");
}

#[tokio::test]
async fn pages_have_the_total_of_all() {
    let house = House::new().await;
    for number in 10..35 {
        house.have(&[&format!("foo{number}@1.0.0")]).await;
    }
    update(&house.holdfast).await;
    let page = async |offset, limit| page(&house.holdfast, &house.rita, "", offset, limit).await;
    assert_eq!(page(0, 3).await, "3 of 25: foo10 foo11 foo12");
    assert_eq!(page(3, 3).await, "3 of 25: foo13 foo14 foo15");
    assert_eq!(page(24, 3).await, "1 of 25: foo34");
    assert_eq!(page(25, 3).await, "0 of 25: ");
    assert_eq!(page(0, 0).await, "0 of 25: ");
}

#[tokio::test]
async fn lists_go_on_after_a_crate() {
    let house = House::new().await;
    house.have(&["a@1.0.0", "b-c@1.0.0", "c@1.0.0", "d@1.0.0"]).await;
    house.holdfast.remove_crate(&house.root, &main(), &v("c")).await.unwrap();
    let names = async |actor: &Actor, after: Option<&str>, limit| {
        let after = after.map(v);
        let heads = house.holdfast.list_crates(actor, &main(), after.as_ref(), limit).await.unwrap();
        heads.iter().map(|head| head.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&house.rita, None, 2).await, "a b-c");
    assert_eq!(names(&house.rita, Some("b_c"), 2).await, "d");
    assert_eq!(names(&house.rita, None, 3).await, "a b-c d", "what was removed takes no place");
    assert_eq!(names(&house.rita, Some("d"), 2).await, "");
    let limited = house.scoped("rita", &["read"], &["b-*", "d"]).await;
    assert_eq!(names(&limited, None, 1).await, "b-c");
    assert_eq!(names(&limited, None, 5).await, "b-c d");
}

#[tokio::test]
async fn dependents_are_those_of_the_shown_version() {
    let house = House::new().await;
    house.have(&["base-lib@1.0.0"]).await;
    let on = |name: &str| krate(name, "1.0.0").dependency(Dependency::new("base-lib", "1"));
    house.publish(&house.alice, &on("one")).await.unwrap();
    house.publish(&house.alice, &on("two")).await.unwrap();
    let renamed = krate("three", "1.0.0").dependency(Dependency::new("base-lib", "1").alias("b"));
    house.publish(&house.alice, &renamed).await.unwrap();
    let other = krate("four", "1.0.0").dependency(Dependency::new("base-lib", "1").crates_io());
    house.publish(&house.alice, &other).await.unwrap();
    house.have(&["two@2.0.0"]).await;
    update(&house.holdfast).await;
    let dependents = async |name: &str| {
        words(&house.holdfast.dependents(&house.rita, &main(), &v(name), 0, 10).await.unwrap())
    };
    assert_eq!(dependents("base_lib").await, "2 of 2: one three");
    house.yank("two@2.0.0", Yank::Yes).await;
    update(&house.holdfast).await;
    assert_eq!(dependents("base-lib").await, "3 of 3: one three two");
    assert!(house.holdfast.dependents(&house.rita, &main(), &v("nothing"), 0, 10).await.is_err());
}

#[tokio::test]
async fn a_token_for_some_crates_finds_only_those() {
    let house = House::new().await;
    for number in 0..6 {
        house.have(&[&format!("acme-{number}@1.0.0"), &format!("secret-{number}@1.0.0")]).await;
    }
    update(&house.holdfast).await;
    let limited = house.scoped("rita", &["read"], &["acme-*"]).await;
    let page = async |text: &str, offset, limit| page(&house.holdfast, &limited, text, offset, limit).await;
    assert_eq!(page("", 0, 100).await, "6 of 6: acme-0 acme-1 acme-2 acme-3 acme-4 acme-5");
    assert_eq!(page("", 0, 2).await, "2 of 6: acme-0 acme-1", "the total tells nothing of the others");
    assert_eq!(page("", 4, 4).await, "2 of 6: acme-4 acme-5");
    assert_eq!(page("secret", 0, 10).await, "0 of 0: ");
    // A token that publishes reads everything, as cargo must.
    let publisher = house.scoped("alice", &["publish-update"], &["acme-*"]).await;
    let request = SearchRequest { limit: 1, ..SearchRequest::default() };
    assert_eq!(house.holdfast.search(&publisher, &main(), request).await.unwrap().total, 12);
}

#[tokio::test]
async fn what_other_processes_publish_is_tailed() {
    let house = House::new().await;
    let (elsewhere, mut tail) = (house.process(), Tail::default());
    house.have(&["one@1.0.0"]).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert_eq!(found(&house, &elsewhere, "").await, "1 of 1: one");
    house.outside.advance(Duration::from_secs(30));
    house.have(&["two@1.0.0"]).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert_eq!(found(&house, &elsewhere, "").await, "2 of 2: one two");
    // Nothing new costs one look at the registries and one at the tail.
    let calls = house.faults.calls();
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert!(house.faults.calls() <= calls + 3, "{} calls", house.faults.calls() - calls);
}

/// Gives a crate another moment of its last change, as a slow or badly set process would.
async fn touch_at(house: &House, name: &str, millis: u64) {
    let key = CrateHead::key_of(&main(), &v(name));
    let (_, mut head) = read::<CrateHead>(&*house.store, &key).await.unwrap().unwrap();
    head.updated_millis = millis;
    head.about.description = Some("late".to_owned());
    let mut tx = Tx::new(&house.store);
    tx.put(&head).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
}

#[tokio::test]
async fn commits_that_appear_late_are_seen() {
    let house = House::new().await;
    let (elsewhere, mut tail) = (house.process(), Tail::default());
    house.have(&["one@1.0.0"]).await;
    house.outside.advance(Duration::from_mins(1));
    house.have(&["two@1.0.0"]).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    // Stamped some seconds before what is indexed already, and visible only now.
    let now = holdfast_registry::Outside::unix_millis(&*house.outside);
    touch_at(&house, "one", now - 9_000).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert_eq!(found(&house, &elsewhere, "late").await, "1 of 1: one");
}

#[tokio::test]
async fn a_clock_that_is_ahead_hides_nothing_of_others() {
    let house = House::new().await;
    let (elsewhere, mut tail) = (house.process(), Tail::default());
    house.have(&["ahead@1.0.0"]).await;
    let now = holdfast_registry::Outside::unix_millis(&*house.outside);
    touch_at(&house, "ahead", now + 3_600_000).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert_eq!(found(&house, &elsewhere, "").await, "1 of 1: ahead");
    house.outside.advance(Duration::from_mins(1));
    house.have(&["other@1.0.0"]).await;
    elsewhere.index_changes(&mut tail).await.unwrap();
    assert_eq!(found(&house, &elsewhere, "").await, "2 of 2: ahead other");
}

#[tokio::test]
async fn in_the_background_it_happens_by_itself() {
    let house = House::new().await;
    let (stop, shutdown) = watch::channel(false);
    let background = {
        let holdfast = house.holdfast.clone();
        tokio::spawn(async move { holdfast.run_background(shutdown).await })
    };
    house.have(&["foo@1.0.0"]).await;
    house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    let searchable = async {
        while found(&house, &house.holdfast, "foo").await != "1 of 1: foo" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), searchable).await.expect("it never became searchable");
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(30), background).await.expect("it never ended").unwrap();
    let described = house.holdfast.describe(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_eq!(described.downloads.total, 1, "the end writes out what was counted");
}

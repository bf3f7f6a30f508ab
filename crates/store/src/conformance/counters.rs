//! Counters: commutative, apart from documents, scanned in order.

use super::{Site, commit, json, read_doc};
use crate::contract::{Key, Op, Scan};

/// Concurrent deltas all count, and counters and documents of one key know nothing of each other.
pub async fn counters_add_up(site: &dyn Site) {
    let store = site.open().await;
    let key = Key::new("p", "k");
    commit(&*store, [(key.clone(), Op::Create(json(1)))]).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.count(&[(key, number)]).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.counters(&Scan::first("p", 9)).await.unwrap(), [(key.clone(), 49 * 50 / 2)]);
    assert_eq!(read_doc(&*store, &key).await.unwrap().body, json(1));
    commit(&*store, [(key.clone(), Op::Remove)]).await;
    assert_eq!(store.counters(&Scan::first("p", 9)).await.unwrap().len(), 1);
    assert!(store.scan(&Scan::first("p", 9)).await.unwrap().is_empty());
}

/// One call takes many deltas, also repeated, negative and none at all.
pub async fn counter_batches(site: &dyn Site) {
    let store = &*site.open().await;
    store.count(&[]).await.unwrap();
    let key = |number: i64| Key::new(format!("p{}", number % 4), format!("{number:04}"));
    let deltas: Vec<_> = (0..1000).map(|number| (key(number % 500), number - 300)).collect();
    store.count(&deltas).await.unwrap();
    store.count(&[(key(7), 1), (key(7), 10), (key(7), -100)]).await.unwrap();
    let mut found = 0;
    for part in 0..4 {
        for (counter, value) in store.counters(&Scan::first(format!("p{part}"), 999)).await.unwrap() {
            let number: i64 = counter.sort.parse().unwrap();
            let extra = if number == 7 { -89 } else { 0 };
            assert_eq!(value, 2 * number - 100 + extra, "{counter}");
            found += 1;
        }
    }
    assert_eq!(found, 500);
}

/// Counter scans page and are bounded as document scans are.
pub async fn counter_scans(site: &dyn Site) {
    let store = &*site.open().await;
    for part in ["p", "pp", ""] {
        let deltas =
            ["a", "B", "c", "é", "b"].map(|sort| (Key::new(part, sort), i64::try_from(sort.len()).unwrap()));
        store.count(&deltas).await.unwrap();
    }
    let all = [("B", 1), ("a", 1), ("b", 1), ("c", 1), ("é", 2)];
    let bounds =
        |after: Option<&str>, before: Option<&str>| (after.map(String::from), before.map(String::from));
    for ((after, before), limit, reverse, expected) in [
        (bounds(None, None), 9, false, &[0, 1, 2, 3, 4][..]),
        (bounds(None, None), 2, true, &[4, 3]),
        (bounds(Some("B"), Some("c")), 9, false, &[1, 2]),
        (bounds(Some("a"), None), 2, false, &[2, 3]),
        (bounds(None, Some("b")), 1, true, &[1]),
        (bounds(Some("c"), Some("a")), 9, false, &[]),
    ] {
        let scan = Scan { part: "p".into(), after, before, limit, reverse };
        let found = store.counters(&scan).await.unwrap();
        let expected: Vec<_> =
            expected.iter().map(|&at: &usize| (Key::new("p", all[at].0), all[at].1)).collect();
        assert_eq!(found, expected, "{scan:?}");
    }
}

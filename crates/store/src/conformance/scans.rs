//! Order, paging and bounds of scans.

use super::{Site, commit, json, sorts};
use crate::contract::{Key, Op, Scan};

/// Documents come in byte order of `sort`, whole, page after page in both directions, and never from a
/// neighbouring partition.
pub async fn order_and_pages(site: &dyn Site) {
    let store = &*site.open().await;
    let mut expected =
        ["", "a", "A", "a-b", "a_b", "ab", "a\u{1}", "é", "z", "10", "9", "日本", "~", "\u{10ffff}"];
    let neighbours =
        ["pp", "", "o", "P", "q", "p/", "p\u{1}"].map(|part| (Key::new(part, "x"), Op::Put(json(1))));
    commit(store, neighbours).await;
    commit(store, expected.map(|sort| (Key::new("p", sort), Op::Put(json(1))))).await;
    expected.sort_by_key(|sort| sort.as_bytes());
    for limit in [1, 5, 14, 100] {
        for reverse in [false, true] {
            let mut found = walk(store, limit, reverse).await;
            if reverse {
                found.reverse();
            }
            assert_eq!(found, expected, "limit {limit}, reverse {reverse}");
        }
    }
}

async fn walk(store: &dyn crate::Store, limit: u32, reverse: bool) -> Vec<String> {
    let mut scan = Scan { reverse, ..Scan::first("p", limit) };
    let mut found = Vec::new();
    loop {
        let page = sorts(store, &scan).await;
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last().cloned() else { return found };
        *(if reverse { &mut scan.before } else { &mut scan.after }) = Some(last);
        found.extend(page);
    }
}

/// Both bounds are exclusive, need not exist, and may be empty, equal or crossed.
pub async fn exclusive_bounds(site: &dyn Site) {
    let store = &*site.open().await;
    commit(store, ["b", "d", "f", "h"].map(|sort| (Key::new("p", sort), Op::Put(json(1))))).await;
    for (after, before, expected) in [
        (Some("b"), Some("h"), &["d", "f"][..]),
        (Some("a"), Some("g"), &["b", "d", "f"]),
        (Some("b"), None, &["d", "f", "h"]),
        (None, Some("f"), &["b", "d"]),
        (None, Some(""), &[]),
        (Some(""), None, &["b", "d", "f", "h"]),
        (Some("d"), Some("d"), &[]),
        (Some("h"), Some("b"), &[]),
        (Some("d"), Some("f"), &[]),
        (Some("z"), None, &[]),
    ] {
        for reverse in [false, true] {
            let (after, before) = (after.map(String::from), before.map(String::from));
            let scan = Scan { part: "p".into(), after, before, limit: 9, reverse };
            let mut found = sorts(store, &scan).await;
            let limited = sorts(store, &Scan { limit: 1, ..scan.clone() }).await;
            assert_eq!(limited.first(), found.first(), "{scan:?}");
            if reverse {
                found.reverse();
            }
            assert_eq!(found, expected, "{scan:?}");
        }
    }
    assert!(sorts(store, &Scan::first("p", 0)).await.is_empty());
    assert_eq!(sorts(store, &Scan::first("p", u32::MAX)).await.len(), 4);
}

/// A partition that nobody wrote to, or whose documents are all gone, is empty.
pub async fn unknown_partitions(site: &dyn Site) {
    let store = &*site.open().await;
    for part in ["", "p", "日本"] {
        assert!(sorts(store, &Scan::first(part, 9)).await.is_empty());
        assert!(store.counters(&Scan::first(part, 9)).await.unwrap().is_empty());
    }
    commit(store, [(Key::new("p", "k"), Op::Put(json(1)))]).await;
    commit(store, [(Key::new("p", "k"), Op::Remove)]).await;
    assert!(sorts(store, &Scan::first("p", 9)).await.is_empty());
    store.check().await.unwrap();
}

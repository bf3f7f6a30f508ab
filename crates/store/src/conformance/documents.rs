//! Point reads and commits by one caller.

use super::{Site, batch, commit, conflicts, json, read_doc};
use crate::contract::{Batch, BatchError, Doc, Key, Op};

/// Every guard holds when it should and only then; a deleted and recreated document is another one.
pub async fn guards(site: &dyn Site) {
    let store = &*site.open().await;
    let (key, missing) = (Key::new("p", "k"), Key::new("p", "missing"));
    let first = commit(store, [(key.clone(), Op::Create(json(1)))]).await;
    assert!(conflicts(store, batch([(key.clone(), Op::Create(json(2)))])).await);
    assert_eq!(read_doc(store, &key).await, Some(Doc { key: key.clone(), rev: first, body: json(1) }));

    let second = commit(store, [(key.clone(), Op::Update(first, json(2)))]).await;
    for target in [&key, &missing] {
        for stale in [Op::Update(first, json(3)), Op::Delete(first), Op::Require(first)] {
            assert!(conflicts(store, batch([(target.clone(), stale)])).await);
        }
    }
    commit(store, [(missing.clone(), Op::Remove)]).await;
    commit(store, [(key.clone(), Op::Require(second))]).await;
    assert_eq!(read_doc(store, &key).await.unwrap().rev, second, "a requirement writes nothing");

    commit(store, [(key.clone(), Op::Delete(second))]).await;
    assert_eq!(read_doc(store, &key).await, None);
    commit(store, [(key.clone(), Op::Create(json(2)))]).await;
    assert!(
        conflicts(store, batch([(key.clone(), Op::Require(second))])).await,
        "the old revision came back"
    );

    let put = commit(store, [(key.clone(), Op::Put(json(5))), (missing.clone(), Op::Put(json(6)))]).await;
    assert_eq!(read_doc(store, &key).await, Some(Doc { key: key.clone(), rev: put, body: json(5) }));
    assert_eq!(read_doc(store, &missing).await.unwrap().body, json(6));
    commit(store, [(key.clone(), Op::Remove)]).await;
    assert_eq!(read_doc(store, &key).await, None);
}

/// A guard that fails after every write of its batch undoes them all.
pub async fn atomic_batches(site: &dyn Site) {
    let store = &*site.open().await;
    let rev =
        commit(store, [(Key::new("p", "m"), Op::Create(json(0))), (Key::new("p", "z"), Op::Create(json(0)))])
            .await;
    let writes = || {
        [
            (Key::new("p", "a"), Op::Create(json(1))),
            (Key::new("p", "b"), Op::Put(json(1))),
            (Key::new("p", "m"), Op::Update(rev, json(1))),
            (Key::new("p", "z"), Op::Create(json(1))),
        ]
    };
    assert!(conflicts(store, batch(writes())).await);
    let keys = writes().map(|(key, _)| key);
    let found = store.get_many(&keys).await.unwrap();
    let bodies: Vec<_> = found.iter().map(|doc| doc.as_ref().map(|doc| (doc.rev, &*doc.body))).collect();
    let untouched = Some((rev, "{\"n\":0}"));
    assert_eq!(bodies, [None, None, untouched, untouched]);
}

/// A batch of the most operations, across partitions, is one commit.
pub async fn whole_batches(site: &dyn Site) {
    let store = &*site.open().await;
    let key = |number: usize| Key::new(format!("p{}", number % 7), format!("{number}"));
    let rev = commit(store, (0..Batch::MAX_OPS).map(|number| (key(number), Op::Create(json(number))))).await;
    let keys: Vec<Key> = (0..Batch::MAX_OPS).map(key).collect();
    for (number, doc) in store.get_many(&keys).await.unwrap().into_iter().enumerate() {
        assert_eq!(doc, Some(Doc { key: key(number), rev, body: json(number) }));
    }
    commit(store, keys.iter().map(|key| (key.clone(), Op::Delete(rev)))).await;
    assert!(store.get_many(&keys).await.unwrap().iter().all(Option::is_none));
}

/// Point reads answer in the order asked, with gaps and repeats; no keys are no answers.
pub async fn get_many_order(site: &dyn Site) {
    let store = &*site.open().await;
    commit(store, ["a", "b", "c"].map(|sort| (Key::new("p", sort), Op::Create(json(1))))).await;
    let asked = [("p", "c"), ("p", "x"), ("q", "a"), ("p", "a"), ("p", "c"), ("", ""), ("p", "b")];
    let keys = asked.map(|(part, sort)| Key::new(part, sort));
    let found = store.get_many(&keys).await.unwrap();
    let sorts: Vec<_> = found.iter().map(|doc| doc.as_ref().map(|doc| &*doc.key.sort)).collect();
    assert_eq!(sorts, [Some("c"), None, None, Some("a"), Some("c"), None, Some("b")]);
    assert_eq!(store.get_many(&[]).await.unwrap(), []);
    let many: Vec<Key> =
        (0..1000).map(|number| Key::new("p", if number % 3 == 0 { "a" } else { "no" })).collect();
    let found = store.get_many(&many).await.unwrap();
    assert!(found.iter().enumerate().all(|(number, doc)| doc.is_some() == (number % 3 == 0)));
}

/// Bodies and keys come back byte by byte, the empty ones too.
pub async fn body_shapes(site: &dyn Site) {
    let store = &*site.open().await;
    let bodies =
        ["", "{}", " ", "null", "'", "\"", "\\", "%_?:$1", "\u{feff}", "日本\n\r\t\u{1}\u{7f}", "\u{10ffff}"];
    for body in bodies {
        for key in [Key::new("body", body), Key::new(body, "body"), Key::new(body, body)] {
            let rev = commit(store, [(key.clone(), Op::Put(body.into()))]).await;
            assert_eq!(read_doc(store, &key).await, Some(Doc { key, rev, body: body.into() }));
        }
    }
    let upper = Key::new("BODY", "{}");
    assert_eq!(read_doc(store, &upper).await, None, "keys are compared by bytes");
}

/// Bodies of 200 kB and of the most, several in one batch.
pub async fn big_bodies(site: &dyn Site) {
    let store = &*site.open().await;
    let body = |length: usize, letter: &str| format!("\"{}\"", letter.repeat(length - 2));
    let lengths = [200_000, Batch::MAX_BODY_BYTES, Batch::MAX_BODY_BYTES - 1, 65_536, 2_000];
    let ops = lengths.map(|length| (Key::new("big", length.to_string()), Op::Create(body(length, "x"))));
    let rev = commit(store, ops).await;
    let ops = lengths.map(|length| (Key::new("big", length.to_string()), Op::Update(rev, body(length, "y"))));
    let rev = commit(store, ops).await;
    for length in lengths {
        let doc = read_doc(store, &Key::new("big", length.to_string())).await.unwrap();
        assert!(doc.rev == rev && doc.body == body(length, "y"), "{length} bytes did not come back");
    }
    let page = store.scan(&crate::Scan::first("big", 9)).await.unwrap();
    assert_eq!(page.iter().map(|doc| doc.body.len()).sum::<usize>(), lengths.iter().sum::<usize>());
}

/// A batch says which limit an operation breaks, stays as it was, and is taken at the limit.
pub async fn limits(site: &dyn Site) {
    let store = &*site.open().await;
    let mut large = Batch::new();
    let body = "x".repeat(Batch::MAX_BODY_BYTES);
    let oversized = large.add(Key::new("p", "k"), Op::Put(format!("{body}x"))).unwrap_err();
    assert!(matches!(oversized, BatchError::BodyTooLarge { .. }));
    let mut number = 0;
    let error = loop {
        match large.add(Key::new("p", format!("{number}")), Op::Put(body.clone())) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BatchError::TooLarge));
    assert!(matches!(large.add(Key::new("p", "0"), Op::Remove).unwrap_err(), BatchError::Twice(_)));
    store.commit(large).await.unwrap();
    assert_eq!(store.scan(&crate::Scan::first("p", 99)).await.unwrap().len(), number);

    let mut many = batch((0..Batch::MAX_OPS).map(|number| (Key::new("q", format!("{number}")), Op::Remove)));
    assert!(matches!(many.add(Key::new("q", "more"), Op::Remove).unwrap_err(), BatchError::TooLarge));
    store.commit(many).await.unwrap();
    store.commit(Batch::new()).await.unwrap();
}

/// A NUL is refused wherever something would be written, and finds nothing wherever something is read.
pub async fn nul_refused(site: &dyn Site) {
    let store = &*site.open().await;
    let nul = "a\0b";
    for (key, body) in [(Key::new(nul, "k"), "{}"), (Key::new("p", nul), "{}"), (Key::new("p", "k"), nul)] {
        let error = Batch::new().add(key, Op::Put(body.into())).unwrap_err();
        assert!(matches!(error, BatchError::Nul(_)));
    }
    commit(store, [(Key::new("a", "a"), Op::Put(json(1)))]).await;
    for key in [Key::new(nul, "k"), Key::new("p", nul), Key::new("a\0", "a"), Key::new("a", "a\0")] {
        assert!(matches!(
            store.count(&[(key.clone(), 1)]).await,
            Err(crate::StoreError::Batch(BatchError::Nul(_)))
        ));
        assert_eq!(read_doc(store, &key).await, None);
        assert_eq!(
            store.scan(&crate::Scan::first(key.part, 9)).await.unwrap().len(),
            usize::from(key.sort == "a\0")
        );
    }
}

/// What was acknowledged is there when the engine is opened again.
pub async fn reopened(site: &dyn Site) {
    let key = |number: i32| Key::new(format!("p{}", number % 3), format!("{number:03}"));
    let mut revs = Vec::new();
    for round in 0..4 {
        let store = site.open().await;
        for (number, &rev) in (0..).zip(&revs) {
            assert_eq!(
                read_doc(&*store, &key(number)).await,
                Some(Doc { key: key(number), rev, body: json(number) })
            );
        }
        for number in round * 10..round * 10 + 10 {
            revs.push(commit(&*store, [(key(number), Op::Create(json(number)))]).await);
            store.count(&[(Key::new("c", "n"), 1)]).await.unwrap();
        }
        store.check().await.unwrap();
    }
    let store = site.open().await;
    assert_eq!(store.counters(&crate::Scan::first("c", 9)).await.unwrap(), [(Key::new("c", "n"), 40)]);
}

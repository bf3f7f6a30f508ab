//! Exports that are cut off or damaged, and stores that fail: nothing wrong is ever stored, and going on with a
//! whole export ends as if nothing had happened.

use super::whole::assert_same;
use super::{Place, everything, export, old_house};
use crate::house::krate;
use holdfast_blobs::Blobs;
use holdfast_registry::{Actor, Files, Kind, Resume};
use holdfast_store::faults::{Fault, Faults};
use holdfast_store::{Key, Memory};
use std::collections::BTreeMap;
use std::sync::Arc;

type Everything = (BTreeMap<Key, String>, BTreeMap<Key, i64>);

/// An export with several checks in it, and what it is of.
async fn long_export() -> (Vec<u8>, Everything) {
    let (house, memory) = old_house().await;
    let readme = "All work and no play makes Jack a dull boy. ".repeat(1_400);
    for number in 0..48 {
        let krate = krate(&format!("long-{number}"), "1.0.0").readme(&readme);
        house.publish(&house.alice, &krate).await.unwrap();
    }
    let (stream, _) = export(&house.holdfast, Files::Included).await;
    let checks = stream.windows(10).filter(|window| window == b"{\"check\":\"").count();
    assert!(checks >= 2, "{checks} checks");
    (stream, everything(&memory))
}

/// Everything in the place is in the original.
fn assert_part(place: &Place, whole: &Everything) {
    let (documents, counters) = place.everything();
    for (key, body) in documents.iter().filter(|(key, _)| **key != Key::new("server", "import")) {
        assert_eq!(whole.0.get(key), Some(body), "{key}");
    }
    for (key, count) in &counters {
        assert_eq!(whole.1.get(key), Some(count), "{key}");
    }
}

#[tokio::test]
async fn what_is_cut_off_can_be_gone_on_with() {
    let (stream, whole) = long_export().await;
    let mut skipped = Vec::new();
    for tenths in 0..10 {
        let cut = &stream[..stream.len() * tenths / 10];
        let place = Place::empty().await;
        let refused = place.import(cut, Resume::No).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "{refused}");
        let is_said = refused.detail().contains("ends too early") || refused.detail().contains("no export");
        assert!(is_said, "{refused}");
        assert_part(&place, &whole);
        let is_begun = place.holdfast.is_half_imported().await.unwrap();
        if is_begun {
            for refused in [
                place.holdfast.start(None).await.map(|_| ()).unwrap_err(),
                place.import(&stream, Resume::No).await.map(|_| ()).unwrap_err(),
            ] {
                assert_eq!(refused.kind(), Kind::Conflict);
                assert!(refused.detail().contains("not finished; go on with `--resume`"), "{refused}");
            }
        }
        let imported = place.import(&stream, Resume::Yes).await.unwrap();
        skipped.push(imported.skipped_documents);
        assert_eq!(imported.skipped_documents > 0, is_begun);
        assert_same(&place.everything(), &whole);
        place.assert_clean().await;
        assert!(!place.holdfast.start(None).await.unwrap().created);
    }
    assert!(skipped.is_sorted() && skipped[0] == 0 && skipped[9] > 40, "{skipped:?}");
}

#[tokio::test]
async fn what_is_damaged_is_not_stored() {
    let (stream, whole) = long_export().await;
    for number in 0..40 {
        let at = stream.len() * number / 40;
        let mut bent = stream.clone();
        bent[at] ^= 1 << (number % 8);
        let place = Place::empty().await;
        let refused = place.import(&bent, Resume::No).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "byte {at}: {refused:?}");
        assert_part(&place, &whole);
        place.import(&stream, Resume::Yes).await.unwrap();
        assert_same(&place.everything(), &whole);
    }
}

#[tokio::test]
async fn another_export_cannot_take_over() {
    let (stream, _) = long_export().await;
    let (house, _memory) = old_house().await;
    house.outside.advance(std::time::Duration::from_hours(1));
    let (other, _) = export(&house.holdfast, Files::Included).await;
    let place = Place::empty().await;
    place.import(&stream[..stream.len() * 9 / 10], Resume::No).await.unwrap_err();
    let refused = place.import(&other, Resume::Yes).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.detail().contains("is of an export made at"), "{refused}");
    let progress = holdfast_registry::Progress::default();
    let exported = place.holdfast.export(&Actor::operator(), Vec::new(), Files::Included, &progress).await;
    assert!(exported.unwrap_err().detail().contains("not finished"));
}

/// With every call that an import makes failing once, in every way.
#[tokio::test]
async fn a_store_in_trouble_only_costs_time() {
    let (house, memory) = old_house().await;
    let (stream, _) = export(&house.holdfast, Files::Included).await;
    let whole = everything(&memory);
    for fault in [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter, Fault::Conflict] {
        for nth in 1.. {
            let memory = Arc::new(Memory::new());
            let faults = Arc::new(Faults::new(memory.clone()));
            let place = Place::over(&memory, faults.clone(), Blobs::open("memory:").await.unwrap());
            faults.fail_nth(nth, fault);
            let imported = place.import(&stream, Resume::No).await;
            let fired = faults.fired();
            faults.clear();
            if let Err(error) = &imported {
                assert_eq!(error.kind(), Kind::Unavailable, "{fault:?} of call {nth}: {error:?}");
                assert_part(&place, &whole);
                place.import(&stream, Resume::Yes).await.unwrap();
            }
            assert_same(&place.everything(), &whole);
            place.assert_clean().await;
            if fired == 0 {
                imported.unwrap();
                assert!(nth > 10, "an import makes more than {nth} calls");
                break;
            }
        }
    }
}

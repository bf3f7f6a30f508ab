//! Which version stands for a crate: stable before pre-release, not yanked before yanked, then the highest.

use crate::house::{House, krate, main, v};
use holdfast_registry::Yank;
use std::time::Duration;

/// What a crate shows after these steps: a version is published, `-1.0.0` yanks it, `+1.0.0` puts it back,
/// `!1.0.0` removes it for good.
async fn check(steps: &str, expected: &str) {
    let house = House::new().await;
    for step in steps.split(' ') {
        house.outside.advance(Duration::from_secs(1));
        let version = step.trim_start_matches(['-', '+', '!']);
        match &step[..1] {
            "-" => house.yank(&format!("foo@{version}"), Yank::Yes).await,
            "+" => house.yank(&format!("foo@{version}"), Yank::No).await,
            "!" => house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v(version)).await.unwrap(),
            _ => {
                let krate = krate("foo", version).field("description", format!("I am {version}"));
                house.publish(&house.alice, &krate).await.unwrap();
            }
        }
        assert_eq!(house.problems().await, "", "after `{step}` of `{steps}`");
    }
    let shown = house.holdfast.describe(&house.rita, &main(), &v("foo")).await;
    let shown = match shown {
        Ok(_) => house.shown("foo").await,
        Err(error) => format!("{:?}", error.kind()),
    };
    assert_eq!(shown, expected, "after `{steps}`");
}

#[tokio::test]
async fn the_highest_stable_version_stands_for_the_crate() {
    check("1.0.0", "1.0.0 of 1: I am 1.0.0").await;
    check("1.0.0 1.1.0 1.0.1", "1.1.0 of 3: I am 1.1.0").await;
    check("1.0.0 2.0.0-rc.1", "1.0.0 of 2: I am 1.0.0").await;
    check("2.0.0-rc.1", "2.0.0-rc.1 of 1: I am 2.0.0-rc.1").await;
    check("2.0.0-rc.1 2.0.0-rc.2 2.0.0-beta", "2.0.0-rc.2 of 3: I am 2.0.0-rc.2").await;
    check("2.0.0-rc.1 1.0.0", "1.0.0 of 2: I am 1.0.0").await;
    check("1.9.0 1.10.0", "1.10.0 of 2: I am 1.10.0").await;
}

#[tokio::test]
async fn yanked_versions_step_back() {
    check("1.0.0 2.0.0 -2.0.0", "1.0.0 of 2: I am 1.0.0").await;
    check("1.0.0 2.0.0 -2.0.0 +2.0.0", "2.0.0 of 2: I am 2.0.0").await;
    check("1.0.0 2.0.0 -1.0.0", "2.0.0 of 2: I am 2.0.0").await;
    check("1.0.0 2.0.0-rc.1 -1.0.0", "2.0.0-rc.1 of 2: I am 2.0.0-rc.1").await;
    check("1.0.0 2.0.0 -1.0.0 -2.0.0", "2.0.0 of 2, yanked: I am 2.0.0").await;
    check("1.0.0 -1.0.0 0.9.0", "0.9.0 of 2: I am 0.9.0").await;
    check("1.0.0 -1.0.0 0.9.0-rc.1", "0.9.0-rc.1 of 2: I am 0.9.0-rc.1").await;
}

#[tokio::test]
async fn removed_versions_are_gone() {
    check("1.0.0 2.0.0 !2.0.0", "1.0.0 of 1: I am 1.0.0").await;
    check("1.0.0 2.0.0 !1.0.0", "2.0.0 of 1: I am 2.0.0").await;
    check("1.0.0 !1.0.0", "NotFound").await;
    check("1.0.0 -1.0.0 !1.0.0 0.1.0", "0.1.0 of 1: I am 0.1.0").await;
    check("1.0.0 -1.0.0 !1.0.0 1.0.0", "1.0.0 of 1: I am 1.0.0").await;
    check("1.0.0 2.0.0 -1.0.0 !2.0.0", "1.0.0 of 1, yanked: I am 1.0.0").await;
}

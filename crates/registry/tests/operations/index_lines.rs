//! The lines of the index: everything that cargo's resolver reads.

use crate::house::{House, krate, main, v};
use holdfast_package::testing::Dependency;
use holdfast_types::DependencyKind;
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn a_line_says_all_that_the_manifest_does() {
    let house = House::new().await;
    house.outside.advance(Duration::from_millis(61_500));
    let full = krate("Foo-Bar", "0.3.1-rc.1+linux")
        .field("rust-version", "1.85")
        .field("links", "z")
        .dependency(Dependency::new("plain", "1.2"))
        .dependency(Dependency::new("real-name", ">=1, <3").alias("alias").optional().no_default_features())
        .dependency(Dependency::new("serde", "^1").crates_io().features(&["derive"]))
        .dependency(Dependency::new("elsewhere", "=0.1.0").registry("sparse+https://other.example/index/"))
        .dependency(Dependency::new("winapi", "0.3").target("cfg(windows)").kind(DependencyKind::Build))
        .dependency(Dependency::new("tester", "2").kind(DependencyKind::Dev))
        .feature("default", &["std"])
        .feature("std", &["plain/std"])
        .dependency(Dependency::new("weak", "1").optional())
        .feature("weak", &["dep:weak"])
        .feature("extra", &["dep:alias", "weak?/alloc"]);
    house.publish(&house.alice, &full).await.unwrap();
    let line = house.index("foo-bar").await;
    let line: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&line).unwrap(), @r#"
    {
      "cksum": "<Foo-Bar@0.3.1-rc.1+linux>",
      "deps": [
        {
          "default_features": false,
          "features": [],
          "kind": "normal",
          "name": "alias",
          "optional": true,
          "package": "real-name",
          "req": ">=1, <3",
          "target": null
        },
        {
          "default_features": true,
          "features": [],
          "kind": "normal",
          "name": "elsewhere",
          "optional": false,
          "registry": "sparse+https://other.example/index/",
          "req": "=0.1.0",
          "target": null
        },
        {
          "default_features": true,
          "features": [],
          "kind": "normal",
          "name": "plain",
          "optional": false,
          "req": "^1.2",
          "target": null
        },
        {
          "default_features": true,
          "features": [
            "derive"
          ],
          "kind": "normal",
          "name": "serde",
          "optional": false,
          "registry": "https://github.com/rust-lang/crates.io-index",
          "req": "^1",
          "target": null
        },
        {
          "default_features": true,
          "features": [],
          "kind": "dev",
          "name": "tester",
          "optional": false,
          "req": "^2",
          "target": null
        },
        {
          "default_features": true,
          "features": [],
          "kind": "normal",
          "name": "weak",
          "optional": true,
          "req": "^1",
          "target": null
        },
        {
          "default_features": true,
          "features": [],
          "kind": "build",
          "name": "winapi",
          "optional": false,
          "req": "^0.3",
          "target": "cfg(windows)"
        }
      ],
      "features": {
        "default": [
          "std"
        ],
        "std": [
          "plain/std"
        ]
      },
      "features2": {
        "extra": [
          "dep:alias",
          "weak?/alloc"
        ],
        "weak": [
          "dep:weak"
        ]
      },
      "links": "z",
      "name": "Foo-Bar",
      "pubtime": "2026-01-01T00:01:01Z",
      "rust_version": "1.85",
      "v": 2,
      "vers": "0.3.1-rc.1+linux",
      "yanked": false
    }
    "#);
}

#[tokio::test]
async fn lines_go_from_the_lowest_version_to_the_highest() {
    let house = House::new().await;
    house
        .have(&[
            "foo@1.10.0",
            "foo@1.2.0",
            "foo@1.2.0-beta.11",
            "foo@1.2.0-beta.2",
            "foo@0.9.0",
            "foo@1.10.1+b",
        ])
        .await;
    assert_eq!(house.versions("foo").await, "0.9.0 1.2.0-beta.2 1.2.0-beta.11 1.2.0 1.10.0 1.10.1+b");
    let plain = house.index("foo").await;
    assert_snapshot!(plain.lines().next().unwrap(), @r#"{"name":"foo","vers":"0.9.0","deps":[],"cksum":"<foo@0.9.0>","features":{},"yanked":false,"pubtime":"2026-01-01T00:00:00Z"}"#);
    assert!(plain.ends_with('\n'));
}

#[tokio::test]
async fn a_large_file_has_a_smaller_variant_of_the_same_bytes() {
    use std::io::Read as _;
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let small = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    assert!(small.gzip.is_none(), "one packet is one packet");
    for minor in 1..20 {
        house.have(&[&format!("foo@1.{minor}.0")]).await;
    }
    let large = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    let gzip = large.gzip.clone().unwrap();
    assert!(gzip.len() < large.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, large.body);
    let digest = holdfast_types::Sha256::of(&large.body).to_string();
    assert_eq!(large.etag, format!("\"{}\"", &digest[..32]));
}

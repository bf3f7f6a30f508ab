//! Publish bodies that lie about their lengths, end early, or hold what is no metadata.

use super::{NEW, assert_untouched, frame, refused, server};
use holdfast_testkit::packages::CrateBuilder;
use serde_json::{Value, json};

#[test]
fn every_truncation_is_refused() {
    let server = server();
    let whole = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).frame();
    let json_end = 4 + u32::from_le_bytes(whole[..4].try_into().unwrap()) as usize;
    let mut http = server.http();
    for length in [0, 1, 3, 4, 5, json_end - 1, json_end, json_end + 3, json_end + 4, whole.len() - 1] {
        let answer = http.put(NEW, &whole[..length]);
        let said = refused(&format!("{length} bytes"), &answer);
        assert_eq!(answer.status, 400, "{said}");
        assert!(said.contains("ended early"), "{length} bytes: {said}");
    }
    let answer = http.put(NEW, &[&whole[..], b"!"].concat());
    assert!(refused("a byte too many", &answer).contains("after the .crate file"));
    assert_untouched(&server);
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_read() {
    let server = server();
    let package = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).package();
    let huge = u32::MAX.to_le_bytes();
    let mut http = server.http();
    let too_large: [(&str, Vec<u8>); 3] = [
        ("4 GB of metadata", [&huge[..], b"{}"].concat()),
        ("4 GB of package", [&2_u32.to_le_bytes()[..], b"{}", &huge, &package].concat()),
        ("metadata over its limit", [&(2_u32 << 20).to_le_bytes()[..], b"{}"].concat()),
    ];
    for (what, body) in &too_large {
        let answer = http.put(NEW, body);
        refused(what, &answer);
        assert_eq!(answer.status, 413, "{what}: {}", answer.text());
    }
    let off_by_one: [(&str, Vec<u8>); 3] = [
        ("metadata that ends in the package", frame(b"{}x", &package)),
        ("a package shorter than it is", [&frame(b"{}", &package[1..])[..], &package[..1]].concat()),
        (
            "a package longer than it is",
            [&2_u32.to_le_bytes()[..], b"{}", &9_u32.to_le_bytes(), b"1"].concat(),
        ),
    ];
    for (what, body) in &off_by_one {
        let answer = http.put(NEW, body);
        refused(what, &answer);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
    assert_untouched(&server);
}

#[test]
fn metadata_that_is_none_is_refused() {
    let server = server();
    let package = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).package();
    let deep_array = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let deep_object = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000)).into_bytes();
    let deep_field = [b"{\"name\":\"alpha\",\"vers\":\"1.0.0\",\"deps\":", &deep_array[..], b"}"].concat();
    let bodies: [(&str, &[u8]); 12] = [
        ("nothing", b""),
        ("no UTF-8", b"{\"name\":\"\xff\xfe\",\"vers\":\"1.0.0\"}"),
        ("UTF-16", b"{\0}\0"),
        ("a byte order mark", b"\xef\xbb\xbf{\"name\":\"alpha\",\"vers\":\"1.0.0\"}"),
        ("a number", b"42"),
        ("null", b"null"),
        ("an array", b"[]"),
        ("no fields", b"{}"),
        ("two objects", b"{}{}"),
        ("a deep array", &deep_array),
        ("a deep object", &deep_object),
        ("a deep field", &deep_field),
    ];
    let mut http = server.http();
    for (what, metadata) in bodies {
        let answer = http.put(NEW, &frame(metadata, &package));
        refused(what, &answer);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
    assert_untouched(&server);
}

#[test]
fn fields_of_the_wrong_kind_are_refused() {
    let server = server();
    let (metadata, package) = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).build();
    let honest: Value = serde_json::from_slice(&metadata).unwrap();
    let lies = [
        ("name", json!(7)),
        ("name", json!(null)),
        ("vers", json!("1.0")),
        ("vers", json!("1.0.0\n")),
        ("vers", json!(format!("1.0.0-{}", "a".repeat(1000)))),
        ("vers", json!("99999999999999999999.0.0")),
        ("deps", json!("none")),
        ("deps", json!([7])),
        ("deps", json!([{"name": "../x", "version_req": "1"}])),
        ("deps", json!([{"name": "beta", "version_req": "not a requirement"}])),
        ("features", json!(["a"])),
        ("features", json!({"a\u{0}b": []})),
        ("features", json!({"a": [1]})),
        ("rust_version", json!(">=1.0")),
    ];
    let mut http = server.http();
    for (field, value) in lies {
        let mut metadata = honest.clone();
        metadata[field] = value.clone();
        let what = format!("`{field}` is {value}");
        let answer = http.put(NEW, &frame(metadata.to_string().as_bytes(), &package));
        refused(&what, &answer);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
    assert_untouched(&server);
}

#[test]
fn unknown_and_missing_and_null_fields_are_fine() {
    let server = server();
    let (metadata, package) = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).build();
    let mut metadata: Value = serde_json::from_slice(&metadata).unwrap();
    metadata["from_the_future"] = json!({"deep": [{}, null, "é\u{0}"]});
    for optional in
        ["links", "rust_version", "readme", "readme_file", "homepage", "documentation", "repository"]
    {
        metadata[optional] = json!(null);
    }
    for missing in ["badges", "authors", "license_file"] {
        metadata.as_object_mut().unwrap().remove(missing);
    }
    server.http().put(NEW, &frame(metadata.to_string().as_bytes(), &package)).expect_status(200);
    // Also a deep one: passing over it takes no stack.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let (metadata, package) = CrateBuilder::new("alpha", "1.0.1").own_index(&server.index("main")).build();
    let metadata = String::from_utf8(metadata).unwrap().replacen('{', &format!("{{\"x\":{deep},"), 1);
    let answer = server.http().put(NEW, &frame(metadata.as_bytes(), &package));
    assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
    server.cli().assert_clean();
    server.assert_unharmed();
}

#[test]
fn names_that_differ_from_the_package_are_refused() {
    let server = server();
    let index = server.index("main");
    let mut http = server.http();
    let pairs = [
        ("alpha", "alpha\u{0}"),
        ("alpha", "../alpha"),
        ("alpha", "аlpha"),
        ("alpha", "beta"),
        ("alpha", "Alpha"),
    ];
    for (packed, sent) in pairs {
        let builder = CrateBuilder::new(packed, "1.0.0").own_index(&index).sent("name", sent);
        let answer = http.put(NEW, &builder.frame());
        refused(&format!("`{sent}`"), &answer);
        assert_eq!(answer.status, 400, "`{sent}`: {}", answer.text());
    }
    assert_untouched(&server);
}

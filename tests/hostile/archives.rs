//! `.crate` files that are none, that unpack to more than anybody has, or to where they must not.

use super::{NEW, assert_untouched, frame, refused, server};
use holdfast_testkit::packages::{CrateBuilder, append, gzip};
use holdfast_testkit::{Server, noise};

/// Sends this file as the package of `alpha@1.0.0`.
fn send(server: &Server, package: &[u8]) -> holdfast_testkit::Answer {
    let metadata = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).metadata();
    server.http().put(NEW, &frame(&metadata, package))
}

/// An honest archive without its end, to which more can be appended.
fn open_tar(server: &Server) -> Vec<u8> {
    let mut tar = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).tar();
    tar.truncate(tar.len() - 1024);
    tar
}

/// The file of an archive that gets its end now.
fn finished(tar: &[u8]) -> Vec<u8> {
    gzip(&[tar, &[0; 1024]].concat(), b"")
}

#[test]
fn files_that_are_no_packages_are_refused() {
    let server = server();
    let honest = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).package();
    let mut flipped = honest.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let files: [(&str, &[u8]); 7] = [
        ("nothing", b""),
        ("noise", &[7; 5000]),
        ("half a package", &honest[..middle]),
        ("a flipped byte", &flipped),
        ("gzip of nothing", &gzip(b"", b"")),
        ("gzip of noise", &gzip(&[7; 5000], b"")),
        ("bytes after the end", &[&honest[..], b"more"].concat()),
    ];
    for (what, package) in files {
        let answer = send(&server, package);
        refused(what, &answer);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
    assert_untouched(&server);
}

#[test]
fn bombs_do_not_go_off() {
    let server = server();
    let zeros = vec![0; 80 << 20];
    let large = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).file("zeros", &zeros);
    let within = gzip(&gzip(&zeros, b""), b"");
    let mut many = open_tar(&server);
    for number in 0..25_000 {
        append(&mut many, format!("alpha-1.0.0/{number}").as_bytes(), b'0', b"");
    }
    let mut long_name = Vec::new();
    append(&mut long_name, &vec![b'a'; 30 << 20], b'0', b"");
    for (what, package) in [
        ("80 MiB of zeros", large.package()),
        ("gzip in gzip", within),
        ("25,000 files", finished(&many)),
        ("a name of 30 MiB", gzip(&long_name, b"")),
    ] {
        let answer = send(&server, &package);
        refused(what, &answer);
        assert!(matches!(answer.status, 400 | 413), "{what}: {}", answer.status);
    }
    assert_untouched(&server);
}

#[test]
fn limits_that_the_operator_set_hold() {
    let server = Server::builder()
        .env("HOLDFAST_MAX_UNPACKED_SIZE", "100000")
        .env("HOLDFAST_MAX_CRATE_SIZE", "50000")
        .env("HOLDFAST_MAX_CRATE_ENTRIES", "10")
        .start();
    let builder = || CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main"));
    let unpacked = builder().file("zeros", &vec![0; 200_000]);
    let packed = builder().file("noise", &noise(1, 60_000));
    let entries = (0..10).fold(builder(), |builder, number| builder.file(&format!("{number}"), b""));
    for (what, builder) in [("unpacked", unpacked), ("packed", packed), ("entries", entries)] {
        let answer = server.http().put(NEW, &builder.frame());
        refused(what, &answer);
        assert!(matches!(answer.status, 400 | 413), "{what}: {}", answer.status);
    }
    assert_untouched(&server);
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let server = server();
    for path in [
        "../outside",
        "alpha-1.0.0/../../outside",
        "/etc/outside",
        "alpha-1.0.0//x",
        "alpha-1.0.0/./x",
        "alpha-1.0.0/a\\..\\b",
        "alpha-1.0.1/src/lib.rs",
        "C:/outside",
        "alpha-1.0.0/con",
        "alpha-1.0.0/SRC/LIB.RS",
        "alpha-1.0.0/cargo.toml",
    ] {
        let mut tar = open_tar(&server);
        append(&mut tar, path.as_bytes(), b'0', b"x");
        let answer = send(&server, &finished(&tar));
        refused(path, &answer);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    // Links and devices, by their letters in a tar header.
    for kind in [b'1', b'2', b'3', b'4', b'6', b'7', b'S', b'V'] {
        let mut tar = open_tar(&server);
        append(&mut tar, b"alpha-1.0.0/link", kind, b"");
        let answer = send(&server, &finished(&tar));
        refused(&format!("an entry of kind `{}`", char::from(kind)), &answer);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert!(!server.data().parent().unwrap().join("outside").exists());
    assert_untouched(&server);
}

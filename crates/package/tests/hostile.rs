//! Archives that lie, hide or explode; what each author is told is in the snapshots.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use flate2::Compression;
use flate2::write::GzEncoder;
use holdfast_package::testing::{CrateBuilder, OWN_INDEX, append, gzip};
use holdfast_package::{Limits, Package, PackageError, RequiredFields, file, read, verify};
use holdfast_types::PublishMetadata;
use std::io::{self, Read, Write};
use tar::EntryType;

fn foo() -> CrateBuilder {
    CrateBuilder::new("foo", "1.0.0")
}

fn open(builder: &CrateBuilder) -> Result<Package, PackageError> {
    open_bytes(&builder.package(), &Limits::default())
}

fn open_bytes(packed: &[u8], limits: &Limits) -> Result<Package, PackageError> {
    let metadata = PublishMetadata::parse(&foo().metadata()).unwrap();
    verify(packed, limits, &metadata, &RequiredFields::default(), OWN_INDEX)
}

fn sentences(cases: &[(&str, CrateBuilder)]) -> String {
    let say = |(case, builder): &(&str, CrateBuilder)| match open(builder) {
        Ok(_) => panic!("{case} was accepted"),
        Err(e) => {
            let sentence = e.to_string();
            assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
            format!("{case}: {sentence}")
        }
    };
    cases.iter().map(say).collect::<Vec<_>>().join("\n")
}

/// One pax record, whose length counts itself.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

#[test]
fn honest_packages_pass() {
    let package = open(&foo()).unwrap();
    assert_eq!((package.entries, package.has_library, package.warnings.len()), (2, true, 0));
    let long = "d/".repeat(60) + &"é".repeat(100);
    let with_folder = foo()
        .raw_entry(b"foo-1.0.0/", EntryType::Directory, b"")
        .raw_entry(b"foo-1.0.0/src/", EntryType::Directory, b"")
        .file(&long, b"x")
        .raw_entry(b"", EntryType::XHeader, &[pax("path", "foo-1.0.0/from_pax"), pax("size", "1")].concat())
        .raw_entry(b"foo-1.0.0/short", EntryType::Regular, b"x")
        .file("auxiliary.rs", b"")
        .file("com10", b"")
        .file(".hidden", b"")
        .file("a b/ü.txt", b"")
        // Where case does not matter, these two share a folder but no file.
        .file("Docs/one", b"")
        .file("docs/two", b"");
    open(&with_folder).unwrap();
    let content = |path| file(&*with_folder.package(), &Limits::default(), path, 10).unwrap();
    assert_eq!(content("from_pax"), Some(b"x".to_vec()));
    assert_eq!(content(&long), Some(b"x".to_vec()));
    assert_eq!(content("short"), None);
    let too_large = file(&*with_folder.package(), &Limits::default(), "src/lib.rs", 10).unwrap_err();
    assert!(too_large.is_too_large(), "{too_large}");
}

#[test]
fn paths() {
    let raw = |path: &str| foo().raw_entry(path.as_bytes(), EntryType::Regular, b"");
    let long = format!("foo-1.0.0/{}", "d/".repeat(600));
    insta::assert_snapshot!(sentences(&[
        ("absolute", raw("/etc/passwd")),
        ("parent", raw("foo-1.0.0/../evil")),
        ("parent at the end", raw("foo-1.0.0/src/..")),
        ("here", raw("foo-1.0.0/./src/x.rs")),
        ("empty part", raw("foo-1.0.0//x")),
        ("slash at the end", raw("foo-1.0.0/x/")),
        ("empty", raw("")),
        ("backslash", raw("foo-1.0.0/src\\..\\x")),
        ("drive", raw("foo-1.0.0/C:x")),
        ("control", raw("foo-1.0.0/a\nb")),
        (
            "NUL in a long name",
            foo().raw_entry(b"x", EntryType::GNULongName, b"foo-1.0.0/a\0b\0").file("x", b"")
        ),
        ("not UTF-8", foo().raw_entry(b"foo-1.0.0/\xff", EntryType::Regular, b"")),
        ("too long", raw(&long)),
        ("device", raw("foo-1.0.0/src/aux.rs")),
        ("device folder", raw("foo-1.0.0/NUL/x")),
        ("device port", raw("foo-1.0.0/Com¹.txt")),
        ("dot at the end", raw("foo-1.0.0/src./x")),
        ("space at the end", raw("foo-1.0.0/x ")),
        ("another folder", raw("foo-1.0.1/x")),
        ("another case", raw("Foo-1.0.0/x")),
        ("no folder", raw("Cargo.toml")),
        ("folder as a file", raw("foo-1.0.0")),
        ("duplicate", foo().file("a", b"1").file("a", b"2")),
        ("second manifest", foo().file("Cargo.toml", b"")),
        ("case", foo().file("Src/LIB.rs", b"")),
        ("unicode case", foo().file("É", b"").file("é", b"")),
        ("manifest case", foo().file("cargo.toml", b"")),
        ("file is a folder", foo().file("a", b"").file("a-b", b"").file("A/c/d", b"")),
        ("file and folder", foo().file("a", b"").raw_entry(b"foo-1.0.0/a", EntryType::Directory, b"")),
        ("no manifest", foo().without_manifest()),
        ("only another manifest", foo().without_manifest().file("sub/Cargo.toml", b"")),
    ]));
}

#[test]
fn kinds_and_extensions() {
    let raw = |kind| foo().raw_entry(b"foo-1.0.0/x", kind, b"");
    let after = |extension: &[u8]| {
        foo().raw_entry(b"", EntryType::XHeader, extension).raw_entry(
            b"foo-1.0.0/x",
            EntryType::Regular,
            b"x",
        )
    };
    let name = |builder: CrateBuilder| builder.raw_entry(b"", EntryType::GNULongName, b"foo-1.0.0/y\0");
    insta::assert_snapshot!(sentences(&[
        ("symlink", raw(EntryType::Symlink)),
        ("hard link", raw(EntryType::Link)),
        ("character device", raw(EntryType::Char)),
        ("block device", raw(EntryType::Block)),
        ("pipe", raw(EntryType::Fifo)),
        ("contiguous", raw(EntryType::Continuous)),
        ("sparse", raw(EntryType::GNUSparse)),
        ("global pax", raw(EntryType::XGlobalHeader)),
        ("long link", raw(EntryType::GNULongLink)),
        ("unknown", raw(EntryType::new(b'Z'))),
        ("folder with content", foo().raw_entry(b"foo-1.0.0/x", EntryType::Directory, b"x")),
        ("pax size", after(&pax("size", "1000000"))),
        ("pax size twice", after(&[pax("size", "1"), pax("size", "1")].concat())),
        ("pax path twice", after(&[pax("path", "foo-1.0.0/a"), pax("path", "foo-1.0.0/b")].concat())),
        ("pax no number", after(&pax("size", "one"))),
        ("pax link", after(&pax("linkpath", "/etc"))),
        ("pax sparse", after(&pax("GNU.sparse.major", "1"))),
        ("pax malformed", after(b"99 path=x\n")),
        ("pax hidden", after(&[pax("mtime", "1"), b"\n".to_vec(), pax("path", "../x")].concat())),
        ("pax path", after(&pax("path", "foo-1.0.0/../../x"))),
        ("two long names", name(name(foo())).file("x", b"")),
        (
            "long name and pax path",
            name(foo().raw_entry(b"", EntryType::XHeader, &pax("path", "foo-1.0.0/a"))).file("x", b"")
        ),
        ("long name of nothing", name(foo())),
        ("endless long name", foo().raw_entry(b"", EntryType::GNULongName, &[b'a'; 5000]).file("x", b"")),
        ("after the end", foo().tar_tail(b"hidden")),
        ("after the gzip data", foo().gzip_tail(b"hidden")),
        ("second gzip member", foo().gzip_tail(&gzip(b"hidden", b""))),
    ]));
}

#[test]
fn not_archives() {
    let refused = |packed: &[u8]| open_bytes(packed, &Limits::default()).unwrap_err().to_string();
    let mut wrong_sum = foo().tar();
    wrong_sum[0] ^= 1;
    let mut wrong_size = foo().tar();
    wrong_size[124..136].copy_from_slice(b"zzzzzzzzzzz\0");
    let sum: u32 = wrong_size[..148].iter().chain(&wrong_size[156..512]).map(|b| u32::from(*b)).sum();
    wrong_size[148..156].copy_from_slice(format!("{:06o}\0 ", sum + 256).as_bytes());
    let mut wrong_crc = foo().package();
    let at = wrong_crc.len() - 6;
    wrong_crc[at] ^= 1;
    let middle = &foo().tar()[..700];
    let said = [
        refused(b""),
        refused(b"\x1f\x8b"),
        refused(b"PK\x03\x04 not gzip at all"),
        refused(&gzip(b"", b"")),
        refused(&gzip(b"not tar", b"")),
        refused(&gzip(&[0; 1024], b"")),
        refused(&gzip(&wrong_sum, b"")),
        refused(&gzip(&wrong_size, b"")),
        refused(&gzip(middle, b"")),
        refused(&wrong_crc),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn every_truncation_is_refused() {
    let packed = foo().readme("# Hello").package();
    open_bytes(&packed, &Limits::default()).unwrap();
    for length in 0..packed.len() {
        assert!(open_bytes(&packed[..length], &Limits::default()).is_err(), "{length} of {}", packed.len());
    }
    let tar = foo().tar();
    for length in (0..tar.len() - 1024).filter(|length| length % 512 != 0) {
        assert!(open_bytes(&gzip(&tar[..length], b""), &Limits::default()).is_err(), "{length}");
    }
}

/// Counts what is read of it.
struct Counted<'a>(&'a [u8], usize);

impl Read for Counted<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.read(target)?;
        self.1 += bytes;
        Ok(bytes)
    }
}

/// A package with a file of zeros, the beginning of a file that is announced as larger.
fn bomb(announced_mebibytes: u64) -> Vec<u8> {
    let start = foo().tar();
    let mut header = tar::Header::new_gnu();
    header.set_path("foo-1.0.0/zeros").unwrap();
    header.set_size(announced_mebibytes * 1024 * 1024);
    header.set_cksum();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&start[..start.len() - 1024]).unwrap();
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..64 * 1024 {
        encoder.write_all(&[0; 1024]).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn bombs_are_not_unpacked() {
    let metadata = PublishMetadata::parse(&foo().metadata()).unwrap();
    let open = |packed: &[u8], limits: &Limits| {
        let mut counted = Counted(packed, 0);
        let error =
            verify(&mut counted, limits, &metadata, &RequiredFields::default(), OWN_INDEX).unwrap_err();
        assert!(error.is_too_large(), "{error}");
        (error.to_string(), counted.1)
    };
    // A size that cannot fit is refused when it is announced, another when it becomes unlikely.
    let (announced, read) = open(&bomb(1024), &Limits::default());
    assert!(read <= 64 * 1024, "{read}");
    let (unlikely, read) = open(&bomb(400), &Limits::default());
    assert!(read <= 256 * 1024, "{read}");
    let lenient = Limits { ratio: u32::MAX, unpacked_bytes: 20 << 20, ..Limits::default() };
    let after_end = gzip(&[foo().tar(), vec![0; 32 << 20]].concat(), b"");
    let (after_end, _) = open(&after_end, &lenient);
    insta::assert_snapshot!([announced, unlikely, after_end].join("\n"));
}

#[test]
fn limits_count() {
    let refused = |builder: &CrateBuilder, limits: Limits| {
        let error = open_bytes(&builder.package(), &limits).unwrap_err();
        assert!(error.is_too_large(), "{error}");
        error.to_string()
    };
    let ten = (0..10).fold(foo(), |builder, n| builder.file(&n.to_string(), b""));
    let packed_bytes = foo().package().len() as u64;
    open_bytes(&foo().package(), &Limits { packed_bytes, ..Limits::default() }).unwrap();
    let mut paths = Vec::new();
    for n in 0..12_000 {
        append(&mut paths, format!("foo-1.0.0/{n:0>900}").as_bytes(), b'0', b"");
    }
    paths.resize(paths.len() + 1024, 0);
    let many_paths = Limits { entries: u32::MAX, ratio: u32::MAX, ..Limits::default() };
    insta::assert_snapshot!(
        [
            refused(&foo(), Limits { packed_bytes: packed_bytes - 1, ..Limits::default() }),
            refused(&foo(), Limits { unpacked_bytes: 2000, ..Limits::default() }),
            refused(&ten, Limits { entries: 11, ..Limits::default() }),
            refused(&foo(), Limits { manifest_bytes: 20, ..Limits::default() }),
            open_bytes(&gzip(&paths, b""), &many_paths).unwrap_err().to_string(),
        ]
        .join("\n")
    );
}

#[test]
fn a_reader_that_fails_is_no_fault_of_the_package() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let packed = foo().package();
    for length in 0..packed.len() {
        let error = read(packed[..length].chain(Failing), &Limits::default(), OWN_INDEX).unwrap_err();
        assert!(error.is_read(), "{length}: {error}");
    }
}

//! The sweeper: one replica works for all, nothing that is referred to is touched, and when the one dies
//! another one goes on.

use crate::support::{REPLICAS, Release, Site};
use holdfast_servers::{Kind, seen_within};
use holdfast_testkit::until;
use holdfast_types::Sha256;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const INTERVAL: Duration = Duration::from_millis(400);

/// The files are in a folder, so that a test can make them old.
pub(crate) fn one_sweeps_for_all(kind: Kind) {
    let Some(server) = kind.start() else { return };
    let mut site = Site::on(kind, &server.place(), None, |builder| {
        builder.env("HOLDFAST_SWEEP_INTERVAL", "400ms").env("HOLDFAST_SWEEP_GRACE", "1m")
    });
    let blobs = site.folder.path().join("blobs");
    let releases: Vec<Release> =
        (0..6).map(|number| Release::new(&format!("kept-{number}"), "1.0.0", number.to_string())).collect();
    for (number, release) in releases.iter().enumerate() {
        release.publish(site.http(number));
    }
    for path in files(&blobs) {
        make_old(&path);
    }
    let (began, before) = (Instant::now(), sweeps(&site));
    // An old file that nothing refers to is set aside, and when it has been there for long it goes.
    sweep_away(&blobs, b"an orphan");
    until("some more sweeps", || (sum(&sweeps(&site)) >= sum(&before) + 4).then_some(()));
    let (done, elapsed) = (sum(&sweeps(&site)) - sum(&before), began.elapsed());
    let most = usize::try_from(elapsed.as_millis() / INTERVAL.as_millis()).unwrap() + 2;
    assert!(done <= most, "{done} sweeps in {elapsed:?} are more than one replica's");

    let counts = sweeps(&site);
    let busiest = (0..REPLICAS).max_by_key(|replica| counts[*replica]).unwrap();
    site[busiest].kill();
    sweep_away(&blobs, b"another orphan");
    site[busiest].restart();
    for (number, release) in releases.iter().enumerate() {
        release.assert_alone(&mut site.http(number));
    }
    assert_eq!(files(&blobs.join("trash")), Vec::<PathBuf>::new(), "nothing else was ever set aside");
    site.assert_unharmed();
    eprintln!("{}: {done} sweeps in {elapsed:.1?}, at most {most}; by replica {counts:?}", kind.scheme());
}

/// Puts a file there that nothing refers to, and waits until the two steps of sweeping have taken it away.
fn sweep_away(blobs: &Path, content: &[u8]) {
    let name = Sha256::of(content).to_string();
    let (live, trash) =
        (blobs.join(&name[..2]).join(&name), blobs.join("trash").join(&name[..2]).join(&name));
    fs::write(&live, content).unwrap();
    make_old(&live);
    // Another replica takes over only when the one that died would have said so again.
    let is_aside = || (trash.exists() && !live.exists()).then_some(());
    seen_within(Duration::from_mins(2), is_aside).expect("the orphan to be set aside");
    make_old(&trash);
    until("the orphan to be deleted", || (!trash.exists()).then_some(()));
    assert!(!live.exists());
}

/// How often each replica says that it has swept.
fn sweeps(site: &Site) -> Vec<usize> {
    site.iter().map(|replica| replica.log().matches("swept unreferenced files").count()).collect()
}

fn sum(counts: &[usize]) -> usize {
    counts.iter().sum()
}

/// The stored files below a folder, without those that are set aside or on their way.
fn files(blobs: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(blobs) else { return Vec::new() };
    let shards = entries.map(|entry| entry.unwrap().path());
    let shards = shards.filter(|shard| shard.file_name().is_some_and(|name| name.len() == 2));
    shards.flat_map(|shard| fs::read_dir(shard).unwrap().map(|entry| entry.unwrap().path())).collect()
}

#[expect(clippy::disallowed_methods, reason = "the age of a file is a matter of the machine's clock")]
fn make_old(path: &Path) {
    let before = SystemTime::now() - Duration::from_hours(1);
    // The sweeper may have been quicker; then it is as old as it needs to be.
    if let Ok(file) = File::options().write(true).open(path) {
        file.set_modified(before).unwrap();
    }
}

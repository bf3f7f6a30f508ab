//! A disk that is full: publishing fails in words, nothing is lost, and room is all it takes to go on.

use super::frame;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Server, noise};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A small file system of its own, in memory. Only root may make one.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn new(megabytes: u32) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(SmallDisk { folder })
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.folder.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 << 10, 4 << 10, 1 << 10, 1] {
            let block = vec![7; size];
            while file.write_all(&block).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that still ends must not keep it for ever.
        Command::new("umount").arg("--lazy").arg(self.folder.path()).status().ok();
    }
}

/// Everything that was published before the disk was full is there.
#[track_caller]
fn assert_served(server: &Server, package: &[u8]) {
    assert_eq!(server.http().get("/r/main/index/ea/rl/early").expect_status(200).index_lines().len(), 1);
    assert!(server.http().get("/r/main/dl/early/1.0.0/download").expect_status(200).body == package);
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = SmallDisk::new(24) else {
        eprintln!("skipped: only root can make a small disk");
        return;
    };
    let data: &Path = &disk.folder.path().join("data");
    let mut server = Server::builder().data(data).start();
    let index = server.index("main");
    let (metadata, package) = CrateBuilder::new("early", "1.0.0").own_index(&index).build();
    server.http().publish("main", &frame(&metadata, &package)).expect_status(200);

    let filler = disk.fill();
    let large =
        CrateBuilder::new("large", "1.0.0").own_index(&index).file("noise", &noise(1, 2_000_000)).frame();
    let answer = server.http().publish("main", &large);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.sentence().contains("full"), "{}", answer.text());
    // Small ones may find room in what the database has already taken, until that is used up, too.
    let mut kept = Vec::new();
    let refusal = (0..500).find_map(|patch| {
        let small = CrateBuilder::new("small", &format!("1.0.{patch}")).own_index(&index).frame();
        let answer = server.http().publish("main", &small);
        if answer.status == 200 {
            kept.push(patch);
            return None;
        }
        Some(answer)
    });
    let refusal = refusal.expect("a full disk takes no 500 publishes");
    assert_eq!(refusal.status, 503, "{}", refusal.text());
    refusal.sentence();
    assert_served(&server, &package);
    server.anonymous().get("/livez").expect_status(200);

    fs::remove_file(filler).unwrap();
    server.http().publish("main", &large).expect_status(200);
    let lines = server.http().get("/r/main/index/sm/al/small");
    let count = if lines.status == 200 { lines.index_lines().len() } else { 0 };
    assert_eq!(count, kept.len(), "exactly what was acknowledged is there");
    assert_served(&server, &package);
    server.cli().assert_clean();
    server.stop();
    server.restart();
    assert_served(&server, &package);
    server.http().get("/r/main/dl/large/1.0.0/download").expect_status(200);
    server.cli().assert_clean();
    server.assert_unharmed();
}

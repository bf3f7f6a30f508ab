//! The format, byte by byte.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::error::Result;
use bytes::Bytes;
use holdfast_store::{Doc, Rev};
use std::io::Write as _;

#[derive(Default)]
struct MemoryOutlet(Vec<u8>);

#[async_trait::async_trait]
impl Outlet for MemoryOutlet {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }
}

/// Gives bytes in pieces of this size.
struct MemoryInlet(Bytes, usize);

#[async_trait::async_trait]
impl Inlet for MemoryInlet {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let length = self.0.len().min(self.1);
        Ok(Some(self.0.split_to(length)).filter(|bytes| !bytes.is_empty()))
    }
}

fn header() -> Header {
    Header {
        holdfast: "export".to_owned(),
        format: FORMAT,
        id: "0a1b".to_owned(),
        made_at: "2026-01-31T12:00:00Z".parse().unwrap(),
        release: "0.1.0".to_owned(),
        files: true,
    }
}

async fn small() -> Vec<u8> {
    let progress = Progress::default();
    let mut writer = Writer::begin(MemoryOutlet::default(), &header(), &progress).await.unwrap();
    let key = Key::new("user", "ann \"the\" \u{1f600}");
    writer.document(&Doc { key, rev: Rev(1), body: "{\"v\":1,\n\"a\": [1.50]}".to_owned() }).await.unwrap();
    writer.file(Sha256::of(b"bytes\n"), 6).await.unwrap();
    writer.file_bytes(Bytes::from_static(b"by")).await.unwrap();
    writer.file_bytes(Bytes::from_static(b"tes\n")).await.unwrap();
    writer.end_file().await.unwrap();
    writer.counter(&Key::new("downloads/main/foo", "total"), -7).await.unwrap();
    let (outlet, totals) = writer.finish().await.unwrap();
    assert_eq!(totals, Totals { documents: 1, counters: 1, files: 1, file_bytes: 6 });
    assert_eq!(progress.bytes(), outlet.0.len() as u64);
    outlet.0
}

/// What a reader gets out of a stream: lines up to the end, or the error.
async fn read(stream: &[u8], piece: usize) -> Result<Vec<String>> {
    let progress = Progress::default();
    let (mut reader, header) =
        Reader::begin(MemoryInlet(Bytes::copy_from_slice(stream), piece), &progress).await?;
    let mut lines = vec![header.id];
    loop {
        let line = reader.next().await?;
        let mut text = format!("{line:?}");
        if let Line::File(..) = line {
            while let Some(bytes) = reader.file_bytes().await? {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        lines.push(text);
        if let Line::End = line {
            return Ok(lines);
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_in_pieces_of_any_size() {
    let stream = small().await;
    let text = String::from_utf8(stream.clone()).unwrap();
    let first = "{\"holdfast\":\"export\",\"format\":1,\"id\":\"0a1b\",\"made_at\":\"2026-01-31T12:00:00Z\",\"release\":\"0.1.0\",\"files\":true}\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("\"body\":{\"v\":1, \"a\": [1.50]}}\n"), "{text}");
    let lines = read(&stream, 1).await.unwrap();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for piece in [2, 3, 7, 64, 1 << 20] {
        let joined = |lines: Vec<String>| lines.concat();
        assert_eq!(joined(read(&stream, piece).await.unwrap()), joined(lines.clone()), "{piece}");
    }
}

#[tokio::test]
async fn compressed_streams_are_read_as_they_are() {
    let stream = small().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(&stream).unwrap();
    let packed = encoder.finish().unwrap();
    for piece in [1, 10, 1 << 20] {
        assert_eq!(read(&packed, piece).await.unwrap().len(), 5, "{piece}");
    }
    let error = read(&packed[..packed.len() - 30], 10).await.unwrap_err();
    assert!(error.detail().contains("too early") || error.detail().contains("damaged"), "{error}");
}

#[tokio::test]
async fn every_cut_and_every_flipped_bit_is_noticed() {
    let stream = small().await;
    for length in 0..stream.len() {
        let error = read(&stream[..length], 64).await.unwrap_err();
        let expected = error.detail().contains("ends too early") || error.detail().contains("no export");
        assert!(expected, "cut at {length}: {error}");
    }
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut bent = stream.clone();
            bent[at] ^= 1 << bit;
            assert!(read(&bent, 64).await.is_err(), "bit {bit} of byte {at} went unnoticed");
        }
    }
    let error = read(&[&stream[..], b"\n"].concat(), 64).await.unwrap_err();
    assert!(error.detail().contains("something follows its last line"), "{error}");
}

#[tokio::test]
async fn what_is_no_export_or_too_new_is_named() {
    for stream in
        [&b""[..], b"\n", b"hello\n", b"{\"holdfast\":\"import\"}\n", &[0x1f, 0x8b], &vec![0; 1 << 20]]
    {
        let error = read(stream, 4096).await.unwrap_err();
        assert!(error.detail().contains("this is no export"), "{error}");
    }
    let mut line =
        serde_json::to_string(&Header { format: 2, release: "9.0.0".to_owned(), ..header() }).unwrap();
    line.push('\n');
    let error = read(line.as_bytes(), 64).await.unwrap_err();
    assert!(error.detail().contains("newer than the `1`") && error.detail().contains("`9.0.0`"), "{error}");
}

#[tokio::test]
async fn checks_come_often_enough() {
    let progress = Progress::default();
    let mut writer = Writer::begin(MemoryOutlet::default(), &header(), &progress).await.unwrap();
    let body = format!("{{\"v\":1,\"text\":\"{}\"}}", "x".repeat(200_000));
    for number in 0..20 {
        let key = Key::new("user", format!("{number}"));
        writer.document(&Doc { key, rev: Rev(1), body: body.clone() }).await.unwrap();
    }
    let (outlet, _) = writer.finish().await.unwrap();
    let lines = read(&outlet.0, 1 << 20).await.unwrap();
    assert_eq!(lines.iter().filter(|line| *line == "Checked").count(), 3);
    // Without them, a reader gives up instead of holding everything back.
    let text = String::from_utf8(outlet.0).unwrap();
    let unchecked: String =
        text.split_inclusive('\n').filter(|line| !line.starts_with("{\"check\"")).collect();
    let error = read(unchecked.as_bytes(), 1 << 20).await.unwrap_err();
    assert!(error.detail().contains("no check where there must be one"), "{error}");
}

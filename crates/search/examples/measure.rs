//! Builds an index of 200,000 crates and measures it: time, size on disk, memory, and how long searches take.
//!
//! `cargo run --release -p holdfast-search --example measure [CRATES]`. Each stage is a process of its own, so
//! that its memory is its own.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use holdfast_search::{Change, Document, Query, SearchIndex, Sort};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome = Result<(), Box<dyn Error>>;

const CHUNK: usize = 5_000;

#[expect(clippy::disallowed_methods, reason = "an example is a program of its own")]
fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["idle", folder] => idle(Path::new(folder)),
        ["build", folder, crates] => build(Path::new(folder), crates.parse()?),
        ["search", folder, crates] => search(Path::new(folder), crates.parse()?),
        arguments => all_stages(arguments.first().copied().unwrap_or("200000")),
    }
}

fn all_stages(crates: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("index").display().to_string();
    for arguments in [vec!["idle", &path], vec!["build", &path, crates], vec!["search", &path, crates]] {
        let status = std::process::Command::new(std::env::current_exe()?).args(&arguments).status()?;
        if !status.success() {
            return Err(format!("stage `{}` failed", arguments[0]).into());
        }
    }
    Ok(())
}

/// What an empty server pays.
fn idle(folder: &Path) -> Outcome {
    println!("start                    {}", memory());
    let index = SearchIndex::open(folder)?;
    println!("open, empty              {}", memory());
    index.apply(&[], "0")?;
    println!("no change applied        {}", memory());
    let time = Instant::now();
    index.apply(&[Change::Upsert(Box::new(document(0)))], "1")?;
    println!("one crate applied        {}  {:?}", memory(), time.elapsed());
    for number in 1..100 {
        index.apply(&[Change::Upsert(Box::new(document(number)))], "1")?;
    }
    println!("100 applied one by one   {}  {:?} each", memory(), time.elapsed() / 100);
    std::thread::sleep(Duration::from_secs(2));
    index.search(&query("common"))?;
    println!("two seconds later        {}", memory());
    index.clear()?;
    Ok(())
}

fn build(folder: &Path, crates: usize) -> Outcome {
    let index = SearchIndex::open(folder)?;
    let numbers: Vec<usize> = (0..crates).collect();
    let (time, mut slowest) = (Instant::now(), Duration::ZERO);
    for chunk in numbers.chunks(CHUNK) {
        let changes: Vec<Change> =
            chunk.iter().map(|&number| Change::Upsert(Box::new(document(number)))).collect();
        let chunk_time = Instant::now();
        index.apply(&changes, "built")?;
        slowest = slowest.max(chunk_time.elapsed());
    }
    println!("built {crates} crates in {:?}, slowest chunk {slowest:?}; {}", time.elapsed(), memory());
    let sizes = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
    let bytes: u64 = sizes.sum::<Result<u64, std::io::Error>>()?;
    println!("on disk: {} MB in {} files", bytes / 1_000_000, std::fs::read_dir(folder)?.count());
    Ok(())
}

fn search(folder: &Path, crates: usize) -> Outcome {
    let time = Instant::now();
    let index = SearchIndex::open(folder)?;
    println!("reopened in {:?}; {}", time.elapsed(), memory());
    all_queries(&index, crates)?;
    println!("after the searches: {}", memory());
    println!("while crates are published one by one:");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let publishes = scope.spawn(|| {
            let (mut count, mut slowest) = (0, Duration::ZERO);
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                let time = Instant::now();
                let change = Change::Upsert(Box::new(document(count * 37 % crates)));
                index.apply(&[change], "on").expect("the index takes changes");
                (count, slowest) = (count + 1, slowest.max(time.elapsed()));
            }
            (count, slowest)
        });
        let outcome = all_queries(&index, crates);
        done.store(true, std::sync::atomic::Ordering::Release);
        let (count, slowest) = publishes.join().expect("the publisher does not panic");
        println!("{count} publishes, slowest {slowest:?}; {}", memory());
        outcome
    })
}

fn all_queries(index: &SearchIndex, crates: usize) -> Outcome {
    let (exact, rare) = (document(crates / 2).name, word(VOCABULARY - 3));
    let texts = [
        ("exact name", exact.as_str(), Sort::Relevance),
        ("prefix of one letter", "k", Sort::Relevance),
        ("rare word", &rare, Sort::Relevance),
        ("in every README", "common", Sort::Relevance),
        (
            "ten words in every README",
            "common library rust using fast async crate simple tool used",
            Sort::Relevance,
        ),
        ("three words", "common library fast", Sort::Relevance),
        ("no match for all", "common zzzz", Sort::Relevance),
        ("keyword filter", "keyword:rust common", Sort::Relevance),
        ("everything, by update", "", Sort::RecentUpdate),
        ("everything, by name", "", Sort::Name),
        ("everything, by downloads", "", Sort::Downloads),
    ];
    for (what, text, sort) in texts {
        let query = Query { sort, ..query(text) };
        time(what, || Ok(index.search(&query)?.total))?;
    }
    let deep = Query { offset: crates.saturating_sub(100), ..query("common") };
    time("last page of everything", || Ok(index.search(&deep)?.total))?;
    time("dependents", || Ok(index.dependents("main", "dependency_0", &query("").access, 0, 10)?.total))?;
    time("keywords", || Ok(index.keywords(Some("main"), &query("").access, 10)?.len() as u64))
}

fn time(what: &str, search: impl Fn() -> Result<u64, Box<dyn Error>>) -> Outcome {
    let mut times = Vec::new();
    let mut total = 0;
    for _ in 0..200 {
        let start = Instant::now();
        total = search()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!(
        "  {what:26} {total:7} hits  p50 {:9.2?}  p99 {:9.2?}  max {:9.2?}",
        times[100], times[198], times[199]
    );
    Ok(())
}

fn query(text: &str) -> Query {
    let access = ["everyone", "team:platform", "user:7"].map(str::to_owned).to_vec();
    Query { text: text.to_owned(), registry: Some("main".to_owned()), access, limit: 30, ..Query::default() }
}

const VOCABULARY: usize = 30_000;
const COMMON: [&str; 10] =
    ["common", "library", "rust", "using", "fast", "async", "crate", "simple", "tool", "used"];

/// Crate `number`: a description of 12 words, three keywords, a README of 150 words.
fn document(number: usize) -> Document {
    let mut random = Random(number as u64 + 1);
    let name = format!("{}-{}-{number}", random.word(), random.word());
    let mut readme: Vec<String> = (0..140).map(|_| random.word()).collect();
    readme.extend(COMMON.map(str::to_owned));
    Document {
        registry: "main".to_owned(),
        canonical: name.replace('-', "_"),
        name,
        description: format!("A common {}", (0..10).map(|_| random.word()).collect::<Vec<_>>().join(" ")),
        keywords: vec![random.word(), random.word(), COMMON[number % 10].to_owned()],
        categories: vec![format!("category-{}", number % 70)],
        dependencies: (0..6).map(|_| format!("dependency_{}", random.skewed(5_000))).collect(),
        readme: readme.join(" "),
        downloads: Some((random.next() % 1_000_000) >> (number % 16)),
        updated_at: 1_700_000_000 + i64::try_from(random.next() % 50_000_000).unwrap_or(0),
        access: vec![if number.is_multiple_of(20) { "team:platform" } else { "everyone" }.to_owned()],
    }
}

/// The n-th word of the vocabulary: pronounceable, and never one of the common ones.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 32] = [
        "ka", "lo", "mi", "ne", "pu", "ra", "so", "ti", "ve", "zu", "bo", "da", "fe", "gi", "ho", "ju",
        "kel", "lam", "mor", "nix", "pel", "qua", "rus", "sta", "tro", "vim", "wex", "yon", "zar", "bri",
        "cly", "dro",
    ];
    let syllable = |shift: usize| SYLLABLES[number >> shift & 31];
    format!("{}{}{}", syllable(0), syllable(5), syllable(10))
}

/// A small generator, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Small numbers are frequent, as words are in a language.
    fn skewed(&mut self, below: usize) -> usize {
        let bits = self.next() % u64::from(below.ilog2() + 1);
        usize::try_from(self.next() % (2 << bits)).unwrap_or(0).min(below - 1)
    }

    fn word(&mut self) -> String {
        word(self.skewed(VOCABULARY))
    }
}

/// Resident memory of this process: own, and pages of files that the system may take back.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        format!("{}.{}", kilobytes / 1024, kilobytes % 1024 * 10 / 1024)
    };
    format!(
        "resident {} MB = own {} + files {}, peak {}",
        megabytes("VmRSS"),
        megabytes("RssAnon"),
        megabytes("RssFile"),
        megabytes("VmHWM")
    )
}

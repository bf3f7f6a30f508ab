//! Statements as text. Every key and body is written in hexadecimal, so that no value can end where the
//! statement's own words begin, whatever modes and character sets the server has.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use holdfast_store::{Batch, Key, Op, Scan};

/// Statements that go to the server together.
pub(super) struct Script {
    sql: String,
    statements: usize,
}

impl Script {
    /// The first statement.
    pub(super) fn new(statement: impl Display) -> Script {
        Script { sql: statement.to_string(), statements: 1 }
    }

    fn push(&mut self, statement: fmt::Arguments<'_>) {
        self.sql.push(';');
        fmt::write(&mut self.sql, statement).expect("a string takes all");
        self.statements += 1;
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    pub(super) fn statements(&self) -> usize {
        self.statements
    }
}

/// How the script of a batch begins. Until its end is sent, the server waits for no longer than this for the next
/// command: a machine that is gone without a word must not keep its locks for hours.
const BEGIN: [&str; 2] = ["SET SESSION wait_timeout = 10", "START TRANSACTION"];
/// Ends a transaction that holds.
pub(super) const COMMIT: &str = "COMMIT; SET SESSION wait_timeout = DEFAULT";
/// Ends a transaction that does not.
pub(super) const ROLLBACK: &str = "ROLLBACK; SET SESSION wait_timeout = DEFAULT";

/// Begins a transaction, then one statement an operation in key order. Each touches one row if its guard
/// holds, or gives one for a requirement; the caller looks at what [`of_batch`] leaves, and ends it.
pub(super) fn commit(batch: &Batch) -> Script {
    let new = batch.rev().0;
    let mut script = Script::new(BEGIN[0]);
    script.push(format_args!("{}", BEGIN[1]));
    for (Key { part, sort }, op) in batch.ops() {
        let (part, sort) = (Bytes(part), Bytes(sort));
        let key = format_args!("part = {part} AND sort = {sort}");
        match op {
            Op::Create(body) => script.push(format_args!(
                "INSERT INTO holdfast_doc (part, sort, rev, body) VALUES ({part}, {sort}, {new}, {})",
                Text(body)
            )),
            Op::Update(rev, body) => script.push(format_args!(
                "UPDATE holdfast_doc SET rev = {new}, body = {} WHERE {key} AND rev = {}",
                Text(body),
                rev.0
            )),
            Op::Delete(rev) => {
                script.push(format_args!("DELETE FROM holdfast_doc WHERE {key} AND rev = {}", rev.0));
            }
            Op::Require(rev) => script.push(format_args!(
                "SELECT 1 FROM holdfast_doc WHERE {key} AND rev = {} LOCK IN SHARE MODE",
                rev.0
            )),
            Op::Put(body) => script.push(format_args!(
                "REPLACE INTO holdfast_doc (part, sort, rev, body) VALUES ({part}, {sort}, {new}, {})",
                Text(body)
            )),
            Op::Remove => script.push(format_args!("DELETE FROM holdfast_doc WHERE {key}")),
        }
    }
    script
}

/// What came of the operations of a batch, of all that [`commit`] did.
pub(super) fn of_batch<T>(done: &[T]) -> &[T] {
    done.get(BEGIN.len()..).unwrap_or_default()
}

/// Reads documents by key, in any order and so many keys a statement. `None` when there is nothing to ask.
pub(super) fn get_many(keys: &[Key], most: usize) -> Option<Script> {
    let mut statements = keys.chunks(most).map(select);
    let mut script = Script::new(statements.next()?);
    statements.for_each(|statement| script.push(format_args!("{statement}")));
    Some(script)
}

/// Ranges of the primary key, which both servers look up one by one.
fn select(keys: &[Key]) -> String {
    let mut parts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in keys {
        parts.entry(&key.part).or_default().push(Bytes(&key.sort).to_string());
    }
    let range = |(part, sorts): (&str, Vec<String>)| {
        format!("part = {} AND sort IN ({})", Bytes(part), sorts.join(","))
    };
    let ranges: Vec<String> = parts.into_iter().map(range).collect();
    format!("SELECT part, sort, rev, body FROM holdfast_doc WHERE {}", ranges.join(" OR "))
}

/// Reads one page of a table.
pub(super) fn page(table: &str, columns: &str, scan: &Scan) -> Script {
    let after = scan.after.as_deref().map(|after| format!(" AND sort > {}", Bytes(after)));
    let before = scan.before.as_deref().map(|before| format!(" AND sort < {}", Bytes(before)));
    Script::new(format_args!(
        "SELECT {columns} FROM {table} WHERE part = {}{}{} ORDER BY sort {} LIMIT {}",
        Bytes(&scan.part),
        after.unwrap_or_default(),
        before.unwrap_or_default(),
        if scan.reverse { "DESC" } else { "ASC" },
        scan.limit
    ))
}

/// Adds to counters, which is one statement and so one transaction.
pub(super) fn count(deltas: &BTreeMap<&Key, i64>) -> Script {
    let rows =
        deltas.iter().map(|(key, delta)| format!("({},{},{delta})", Bytes(&key.part), Bytes(&key.sort)));
    let rows: Vec<String> = rows.collect();
    Script::new(format_args!(
        "INSERT INTO holdfast_counter (part, sort, n) VALUES {} ON DUPLICATE KEY UPDATE n = n + VALUES(n)",
        rows.join(",")
    ))
}

/// Bytes as a literal.
struct Bytes<'a>(&'a str);

/// Text as a literal.
struct Text<'a>(&'a str);

impl Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        f.write_str("x'")?;
        let mut piece = String::with_capacity(512);
        for chunk in self.0.as_bytes().chunks(256) {
            piece.clear();
            for byte in chunk {
                piece.push(char::from(DIGITS[usize::from(byte >> 4)]));
                piece.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
            f.write_str(&piece)?;
        }
        f.write_str("'")
    }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_utf8mb4 {}", Bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use holdfast_store::Rev;

    use super::*;

    #[test]
    fn no_value_is_written_as_it_is() {
        let evil = "'; DROP TABLE holdfast_doc; -- \\";
        let mut batch = Batch::new();
        let ops = [
            Op::Create(evil.into()),
            Op::Update(Rev(1), evil.into()),
            Op::Delete(Rev(1)),
            Op::Require(Rev(1)),
            Op::Put(evil.into()),
            Op::Remove,
        ];
        for (number, op) in ops.into_iter().enumerate() {
            batch.add(Key::new(evil, format!("{evil}{number}")), op).unwrap();
        }
        let key = Key::new(evil, evil);
        let scan = Scan { after: Some(evil.into()), before: Some(evil.into()), ..Scan::first(evil, 3) };
        let scripts = [
            commit(&batch),
            get_many(&[key.clone(), Key::new("p", evil), key.clone()], 2).unwrap(),
            page("holdfast_doc", "sort", &scan),
            count(&BTreeMap::from([(&key, -1)])),
        ];
        assert_eq!(scripts.each_ref().map(Script::statements), [8, 2, 1, 1]);
        for script in scripts {
            assert!(!script.sql().contains("DROP") && !script.sql().contains('\\'), "{}", script.sql());
            assert_eq!(script.sql().matches(';').count() + 1, script.statements());
        }
    }

    #[test]
    fn literals() {
        assert_eq!(Bytes("aé\n").to_string(), "x'61c3a90a'");
        assert_eq!(Text("").to_string(), "_utf8mb4 x''");
        let long = "b".repeat(1000);
        assert_eq!(Bytes(&long).to_string(), format!("x'{}'", "62".repeat(1000)));
    }
}

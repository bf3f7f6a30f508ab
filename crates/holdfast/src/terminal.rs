//! What people and scripts see: results on standard output, everything else on standard error.

use std::fmt;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// The two streams of the process. Nothing depends on colour.
pub struct Terminal<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Terminal<'a> {
    /// Writes results to the one stream, and everything else to the other.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// A result: text, or a [`Table`]. Line breaks stay, other control characters are made visible.
    pub fn line(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        self.print(&visible_lines(&text.to_string()))
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::reader_gone(),
            _ => Failure::new(format!("cannot write the result to standard output: {error}")),
        })
    }

    /// A result for scripts: JSON on one line.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("cannot write the result as JSON: {error}")))?;
        self.print(&text)
    }

    /// What went wrong.
    pub fn error(&mut self, message: &str) {
        self.note("error", message);
    }

    /// What looks wrong but does not stop the command.
    pub fn warning(&mut self, message: &str) {
        self.note("warning", message);
    }

    /// What to do next.
    pub fn hint(&mut self, message: &str) {
        self.note("hint", message);
    }

    /// What clap says: help and version are results, the rest is an error.
    pub(crate) fn usage(&mut self, error: &clap::Error) -> Exit {
        let text = error.render().to_string();
        if error.use_stderr() {
            self.write_note(&text);
            return Exit::Usage;
        }
        match self.line(text.trim_end()) {
            Ok(()) => Exit::Success,
            Err(failure) => failure.report(self),
        }
    }

    fn note(&mut self, label: &str, message: &str) {
        self.write_note(&format!("{label}: {message}\n"));
    }

    fn write_note(&mut self, text: &str) {
        let text = visible_lines(text);
        // There is no third stream on which to report that this one is gone.
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Terminal").finish_non_exhaustive()
    }
}

/// Rows under aligned headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows yet.
    pub fn new<const COLUMNS: usize>(headings: [&str; COLUMNS]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Adds a row, with one cell a heading. Control characters are made visible.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl fmt::Display>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell.to_string())).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (position, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let separator = if position == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How many there are of what the word names when there is one, as in `1 version` and `2 versions`.
pub(crate) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What a stranger wrote, on one line: it must not move the cursor, change colours, or turn around what stands
/// beside it.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || turns_around(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The same for text whose line breaks are ours.
fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Whether the letter breaks lines or changes the direction of those around it, without being a control character:
/// Unicode's separators of lines and paragraphs, its marks, embeddings, overrides and isolates.
fn turns_around(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::{Table, Terminal, counted};
    use crate::failure::Exit;

    #[test]
    fn tables_are_aligned_and_harmless() {
        let mut table = Table::new(["name", "role", "since"]);
        table.row(["äöü", "publisher", "2024"]);
        table.row(["a\u{1b}[31m\nb", "-", ""]);
        insta::assert_snapshot!(table, @r"
        name            role       since
        äöü             publisher  2024
        a\u{1b}[31m\nb  -
        ");
    }

    #[test]
    fn what_strangers_wrote_is_shown_and_does_nothing() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal::new(&mut out, &mut err);
        let hostile = "a\u{1b}[2J\r\u{9b}31m\u{202e}b\u{7f}";
        terminal.line(format!("one\n{hostile}")).unwrap();
        terminal.json(&hostile).unwrap();
        terminal.error(hostile);
        terminal.warning(hostile);
        terminal.hint(hostile);
        insta::assert_snapshot!(String::from_utf8(err).unwrap(), @r"
        error: a\u{1b}[2J\r\u{9b}31m\u{202e}b\u{7f}
        warning: a\u{1b}[2J\r\u{9b}31m\u{202e}b\u{7f}
        hint: a\u{1b}[2J\r\u{9b}31m\u{202e}b\u{7f}
        ");
        let json = serde_json::to_string(hostile).unwrap();
        let shown = r"a\u{1b}[2J\r\u{9b}31m\u{202e}b\u{7f}";
        assert_eq!(String::from_utf8(out).unwrap(), format!("one\n{shown}\n{json}\n"));
    }

    #[test]
    fn one_is_not_many() {
        let words = [0_u32, 1, 2, 11].map(|count| counted(count, "version"));
        assert_eq!(words, ["0 versions", "1 version", "2 versions", "11 versions"]);
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let mut err = Vec::new();
        let failure = Terminal::new(&mut Closed, &mut err).line("text").unwrap_err();
        assert_eq!(failure.report(&mut Terminal::new(&mut Closed, &mut err)), Exit::Success);
        assert!(err.is_empty());
    }
}

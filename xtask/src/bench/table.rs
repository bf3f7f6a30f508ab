//! The one table that a run prints, in Markdown.

use std::fmt;

/// A line of the table.
pub(super) struct Row {
    /// What was measured.
    pub what: String,
    /// Our figure.
    pub holdfast: String,
    /// The yardstick's figure, or a dash.
    pub nginx: String,
    /// One by the other, or a dash.
    pub ratio: String,
    /// What the design asks for.
    pub target: String,
    /// Whether it is met; `None` where nothing is asked.
    pub met: Option<bool>,
}

/// All lines so far.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a line, and shows it on the terminal at once since a run takes minutes.
    pub(super) fn add(&mut self, row: Row) {
        eprintln!("  {row}");
        self.rows.push(row);
    }

    /// Adds a figure of ours that has a limit of its own.
    pub(super) fn limit(&mut self, what: &str, figure: String, target: &str, met: bool) {
        self.add(Row {
            what: what.to_owned(),
            holdfast: figure,
            nginx: "-".to_owned(),
            ratio: "-".to_owned(),
            target: target.to_owned(),
            met: Some(met),
        });
    }

    /// Adds a figure that nothing is asked of.
    pub(super) fn note(&mut self, what: &str, figure: String) {
        self.add(Row {
            what: what.to_owned(),
            holdfast: figure,
            nginx: "-".to_owned(),
            ratio: "-".to_owned(),
            target: "-".to_owned(),
            met: None,
        });
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        let Row { what, holdfast, nginx, ratio, target, .. } = self;
        write!(f, "| {what} | {holdfast} | {nginx} | {ratio} | {target} | {met} |")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | holdfast | nginx | ratio | target | ok |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// `72034.4` as `72,034`.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle of `values`, which may come in any order; zero for none.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that `share` of `values` do not exceed, by nearest rank; zero for none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small"
)]
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{median, percentile, thousands};

    #[test]
    fn digits_are_grouped() {
        for (value, expected) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(value), expected);
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "ranks return values as they came in")]
    fn ranks() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values), 3.0);
        assert_eq!(percentile(&values, 0.99), 5.0);
        assert_eq!(percentile(&values, 0.2), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}

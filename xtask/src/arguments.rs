//! The few flags that tasks take; a parser library would be most of this package's build time.

use anyhow::{Result, bail};

/// What the words after the task said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Every `--only NAME`, checked against the names the task knows.
    pub only: Vec<String>,
    /// Every other flag that was given, without its dashes.
    pub flags: Vec<String>,
}

impl Arguments {
    /// Reads `words`, which may be `--only` with one of `names`, or one of `flags`.
    pub(crate) fn parse(words: Vec<String>, names: &[&str], flags: &[&str]) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "--only" {
                let name = words.next().unwrap_or_default();
                if !names.contains(&name.as_str()) {
                    bail!("`--only {name}` is unknown, choose from: {}", names.join(", "));
                }
                arguments.only.push(name);
            } else if let Some(flag) = word.strip_prefix("--").filter(|flag| flags.contains(flag)) {
                arguments.flags.push(flag.to_owned());
            } else {
                bail!("`{word}` is not an option here, known are: --only NAME, --{}", flags.join(", --"));
            }
        }
        Ok(arguments)
    }

    /// Whether `--flag` was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// Whether the part called `name` is to run: everything is, unless `--only` names others.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(line: &str) -> Option<Arguments> {
        let words = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(words, &["lint", "tests"], &["list", "quick"]).ok()
    }

    #[test]
    fn only_narrows_and_nothing_means_everything() {
        let narrowed = parse("--only lint --quick").expect("valid");
        assert!(narrowed.wants("lint") && !narrowed.wants("tests") && narrowed.has("quick"));
        let everything = parse("").expect("valid");
        assert!(everything.wants("lint") && everything.wants("tests") && !everything.has("quick"));
    }

    #[test]
    fn unknown_words_are_refused() {
        for line in ["--only", "--only nothing", "--slow", "lint"] {
            assert_eq!(parse(line), None, "`{line}` must be refused");
        }
    }
}

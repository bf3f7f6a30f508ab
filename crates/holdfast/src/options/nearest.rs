//! Guesses what a misspelt name was meant to be.

use super::spec::OptionSpec;
use super::table::TABLE;

/// The environment variable that was perhaps meant.
pub fn nearest_variable(name: &str) -> Option<String> {
    let known: Vec<String> = TABLE.iter().map(OptionSpec::environment).collect();
    nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The known name that is most like `name`, if one is like it at all.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase().replace('_', "-");
    let longest_distance = (wanted.trim_start_matches("holdfast-").len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= longest_distance)
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(wanted: &str, candidate: &str) -> usize {
    strsim::damerau_levenshtein(wanted, &candidate.to_ascii_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(nearest(name, ["data", "listen", "log", "max-crate-size"]), expected, "for {name}");
    }

    #[test]
    fn guesses_only_what_is_near() {
        check("listn", Some("listen"));
        check("max_crate_size", Some("max-crate-size"));
        check("crate-size", None);
        check("lgo", Some("log"));
        check("Data", Some("data"));
        check("quota", None);
    }
}

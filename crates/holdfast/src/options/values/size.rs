//! Numbers of bytes.

use super::OptionValue;

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A number of bytes that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PositiveSize(ByteSize);

impl PositiveSize {
    /// The number.
    pub fn bytes(self) -> u64 {
        self.0.bytes()
    }
}

impl OptionValue for PositiveSize {
    const EXPECTED: &'static str =
        "a size above zero in bytes such as `10485760`, or with a unit such as `10MiB` or `20MB`";

    fn parse(text: &str) -> Option<Self> {
        ByteSize::parse(text).filter(|size| size.bytes() > 0).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl OptionValue for ByteSize {
    const EXPECTED: &'static str =
        "a size in bytes such as `10485760`, or with a unit such as `10MiB` or `20MB`";

    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start() {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
        };
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }

    fn show(&self) -> String {
        let fits = |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        match UNITS.iter().find(fits) {
            Some((unit, factor)) if *factor > 1 => format!("{}{unit}", self.0 / factor),
            _ => self.0.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, OptionValue, PositiveSize};

    #[track_caller]
    fn check(text: &str, expected: Option<(u64, &str)>) {
        let parsed = ByteSize::parse(text);
        let found = parsed.map(|size| (size.bytes(), size.show()));
        assert_eq!(found, expected.map(|(bytes, shown)| (bytes, shown.to_owned())), "for {text:?}");
        if let Some((bytes, shown)) = expected {
            assert_eq!(ByteSize::parse(shown), Some(ByteSize(bytes)), "what is shown can be written");
        }
    }

    #[test]
    fn reads_and_shows_sizes() {
        check("10485760", Some((10 << 20, "10MiB")));
        check("10MiB", Some((10 << 20, "10MiB")));
        check("10 mib", Some((10 << 20, "10MiB")));
        check("20MB", Some((20_000_000, "20MB")));
        check("1536", Some((1536, "1536")));
        check("2kB", Some((2000, "2kB")));
        check("0", Some((0, "0")));
        check("7B", Some((7, "7")));
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "MiB", "-1", "1.5MiB", "10 potatoes", "18446744073709551616", "99999999TiB"] {
            check(text, None);
        }
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        assert_eq!(
            PositiveSize::parse("20MB").map(|size| (size.bytes(), size.show())),
            Some((20_000_000, "20MB".into()))
        );
        for text in ["0", "0MiB", "00", "-1", ""] {
            assert_eq!(PositiveSize::parse(text), None, "for {text:?}");
        }
    }
}

//! Reporting views in the dialects of SQL.
//!
//! Everything written into a statement here is a constant of the program, never a value from a request.

use std::fmt::Write as _;

use holdfast_store::{Names, View, ViewColumn, ViewKind, ViewSource, ViewValue};

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
    /// MariaDB too.
    #[cfg(feature = "mysql")]
    Mysql,
}

/// What must be done so that the database has these views and no older ones.
pub(crate) struct Plan {
    /// Views of an earlier release that are no more.
    pub(crate) gone: Vec<String>,
    /// Names and their `SELECT`.
    pub(crate) views: Vec<(&'static str, String)>,
    /// What to store when it is done.
    pub(crate) stamp: String,
}

impl Plan {
    /// `None` when what was `stored` says that all is done, or when the caller has no views: whoever opens a
    /// database for something else leaves those of the server alone.
    pub(crate) fn new(dialect: Dialect, views: &[View], stored: Option<&str>) -> Option<Plan> {
        if views.is_empty() {
            return None;
        }
        let views: Vec<(&str, String)> = views.iter().map(|view| (view.name, dialect.select(view))).collect();
        let digest = views.iter().fold(FNV_OFFSET, |digest, (name, select)| fnv(fnv(digest, name), select));
        let names: Vec<&str> = views.iter().map(|(name, _)| *name).collect();
        let stamp = format!("{digest:016x} {}", names.join(" "));
        if stored == Some(&*stamp) {
            return None;
        }
        let earlier = stored.unwrap_or_default().split(' ').skip(1);
        let gone = earlier.filter(|name| is_name(name) && !names.contains(name)).map(str::to_owned).collect();
        Some(Plan { gone, views, stamp })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Fowler, Noll and Vo's hash with 64 bits: the same in every release.
fn fnv(digest: u64, text: &str) -> u64 {
    text.bytes().fold(digest, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

impl Dialect {
    fn select(self, view: &View) -> String {
        let columns: Vec<String> =
            view.columns.iter().map(|column| format!("{} AS {}", self.column(column), column.name)).collect();
        let mut sql = format!("SELECT {} FROM {}", columns.join(", "), self.source(view.source));
        let mut joint = "WHERE";
        for (name, names) in [("part", view.part), ("sort", view.sort)] {
            let condition = match names {
                Names::All => continue,
                Names::Exactly(text) => format!("{name} = '{text}'"),
                Names::Under(prefix) => {
                    let above = prefix.strip_suffix('/').expect("a prefix ends in a slash");
                    // The byte after the slash is the zero.
                    format!("{name} >= '{prefix}' AND {name} < '{above}0'")
                }
            };
            write!(sql, " {joint} {condition}").expect("a string takes all");
            joint = "AND";
        }
        sql
    }

    fn source(self, source: ViewSource) -> &'static str {
        match (self, source) {
            #[cfg(feature = "sqlite")]
            (Dialect::Sqlite, ViewSource::Documents) => "doc",
            #[cfg(feature = "sqlite")]
            (Dialect::Sqlite, ViewSource::Counters) => "counter",
            // Parsed once a row. A NUL that is escaped in a body is no text to this server.
            #[cfg(feature = "postgres")]
            (Dialect::Postgres, ViewSource::Documents) => {
                "holdfast_doc CROSS JOIN LATERAL \
                 (SELECT replace(body, '\\u0000', '\\ufffd')::jsonb AS json OFFSET 0) AS parsed"
            }
            #[cfg(feature = "mysql")]
            (Dialect::Mysql, ViewSource::Documents) => "holdfast_doc",
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            (_, ViewSource::Counters) => "holdfast_counter",
        }
    }

    fn column(self, column: &ViewColumn) -> String {
        match column.value {
            ViewValue::Count => "n".to_owned(),
            ViewValue::PartSegment(place) => self.typed(&self.segment("part", place), column.kind),
            ViewValue::SortSegment(place) => self.typed(&self.segment("sort", place), column.kind),
            ViewValue::Json(path) if column.kind == ViewKind::Json => self.json(path),
            ViewValue::Json(path) => self.typed(&self.field(path), column.kind),
        }
    }

    /// A piece of a key between slashes.
    fn segment(self, name: &str, place: u8) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                let cut = |rest: String| format!("substr({rest}, instr({rest}, '/') + 1)");
                let rest = (0..place).fold(name.to_owned(), |rest, _| cut(rest));
                format!("substr({rest}, 1, instr({rest} || '/', '/') - 1)")
            }
            #[cfg(feature = "postgres")]
            Dialect::Postgres => format!("split_part({name}, '/', {})", u16::from(place) + 1),
            #[cfg(feature = "mysql")]
            Dialect::Mysql => {
                let count = u16::from(place) + 1;
                let text = format!("CONVERT({name} USING utf8mb4)");
                format!("SUBSTRING_INDEX(SUBSTRING_INDEX({text}, '/', {count}), '/', -1)")
            }
        }
    }

    /// A field as text; NULL when it is absent or null.
    fn field(self, path: &[&str]) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => format!("json_extract(body, '{}')", dollar(path)),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => format!("(json #>> '{{{}}}')", path.join(",")),
            #[cfg(feature = "mysql")]
            Dialect::Mysql => {
                let found = format!("JSON_EXTRACT(body, '{}')", dollar(path));
                format!("IF(JSON_TYPE({found}) = 'NULL', NULL, JSON_UNQUOTE({found}))")
            }
        }
    }

    /// A field as JSON; NULL when it is absent or null.
    fn json(self, path: &[&str]) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => format!("nullif(body -> '{}', 'null')", dollar(path)),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => format!("nullif(json #> '{{{}}}', 'null'::jsonb)", path.join(",")),
            #[cfg(feature = "mysql")]
            Dialect::Mysql => {
                let found = format!("JSON_EXTRACT(body, '{}')", dollar(path));
                format!("IF(JSON_TYPE({found}) = 'NULL', NULL, {found})")
            }
        }
    }

    fn typed(self, text: &str, kind: ViewKind) -> String {
        match (self, kind) {
            (_, ViewKind::Text | ViewKind::Json) => text.to_owned(),
            #[cfg(feature = "sqlite")]
            (Dialect::Sqlite, ViewKind::Integer | ViewKind::Boolean | ViewKind::Time) => text.to_owned(),
            #[cfg(feature = "sqlite")]
            (Dialect::Sqlite, ViewKind::Millis) => {
                format!("strftime('%Y-%m-%dT%H:%M:%fZ', {text} / 1000.0, 'unixepoch')")
            }
            #[cfg(feature = "postgres")]
            (Dialect::Postgres, ViewKind::Integer) => format!("{text}::bigint"),
            #[cfg(feature = "postgres")]
            (Dialect::Postgres, ViewKind::Boolean) => format!("{text}::boolean"),
            #[cfg(feature = "postgres")]
            (Dialect::Postgres, ViewKind::Time) => format!("{text}::timestamptz"),
            #[cfg(feature = "postgres")]
            (Dialect::Postgres, ViewKind::Millis) => format!("to_timestamp({text}::bigint / 1000.0)"),
            #[cfg(feature = "mysql")]
            (Dialect::Mysql, ViewKind::Integer) => format!("CAST({text} AS SIGNED)"),
            #[cfg(feature = "mysql")]
            (Dialect::Mysql, ViewKind::Boolean) => format!("({text} = 'true')"),
            #[cfg(feature = "mysql")]
            (Dialect::Mysql, ViewKind::Time) => {
                format!("CAST(REPLACE(REPLACE({text}, 'T', ' '), 'Z', '') AS DATETIME)")
            }
            #[cfg(feature = "mysql")]
            (Dialect::Mysql, ViewKind::Millis) => {
                format!("TIMESTAMPADD(MICROSECOND, {text} * 1000, TIMESTAMP '1970-01-01 00:00:00')")
            }
        }
    }
}

/// A path as SQLite and MySQL write it.
#[cfg(any(feature = "mysql", feature = "sqlite"))]
fn dollar(path: &[&str]) -> String {
    path.iter().fold("$".to_owned(), |path, name| format!("{path}.{name}"))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    const VIEW: View = View {
        name: "holdfast_things",
        about: "Things",
        source: ViewSource::Documents,
        part: Names::Under("thing/"),
        sort: Names::All,
        columns: &[
            ViewColumn { name: "id", value: ViewValue::Json(&["a", "id"]), kind: ViewKind::Text },
            ViewColumn { name: "place", value: ViewValue::PartSegment(1), kind: ViewKind::Text },
        ],
    };

    #[test]
    fn a_plan_is_made_when_the_views_changed_and_names_those_that_are_gone() {
        let first = Plan::new(Dialect::Sqlite, &[VIEW], None).unwrap();
        assert!(first.gone.is_empty());
        assert_eq!(
            first.views[0].1,
            "SELECT json_extract(body, '$.a.id') AS id, substr(substr(part, instr(part, '/') + 1), 1, \
             instr(substr(part, instr(part, '/') + 1) || '/', '/') - 1) AS place FROM doc \
             WHERE part >= 'thing/' AND part < 'thing0'"
        );
        assert!(Plan::new(Dialect::Sqlite, &[VIEW], Some(&first.stamp)).is_none());

        let shorter = View { columns: &VIEW.columns[..1], ..VIEW };
        assert!(Plan::new(Dialect::Sqlite, &[shorter], Some(&first.stamp)).is_some());
        let renamed = View { name: "holdfast_items", ..VIEW };
        let second = Plan::new(Dialect::Sqlite, &[renamed], Some(&first.stamp)).unwrap();
        assert_eq!(second.gone, ["holdfast_things"]);
        let strange = Plan::new(Dialect::Sqlite, &[VIEW], Some("0 x;DROP")).unwrap();
        assert!(strange.gone.is_empty());
    }

    #[test]
    fn who_has_no_views_leaves_those_of_others() {
        assert!(Plan::new(Dialect::Sqlite, &[], None).is_none());
        assert!(Plan::new(Dialect::Sqlite, &[], Some("0 holdfast_things")).is_none());
    }
}

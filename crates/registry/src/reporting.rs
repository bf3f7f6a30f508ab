//! What people who report may read with SQL, where the database speaks it: one view an entity, without
//! anything that would let somebody in.
//!
//! The handbook's page `operate/databases/reporting.md` lists these views, and a test compares it with them.

use crate::entity::{RegistryRecord, Team, Token, TokenUse, User};
use holdfast_store::{Names, View, ViewColumn, ViewKind, ViewSource, ViewValue};

/// The views, by name. Columns are only ever added, at the end.
pub const VIEWS: &[View] = &[
    View {
        name: "holdfast_audit",
        about: "Who did or tried what, when and from where",
        source: ViewSource::Documents,
        part: Names::Under("audit/"),
        sort: Names::All,
        columns: &[
            text("id", &["id"]),
            time("at", &["at"]),
            text("actor", &["actor"]),
            text("login", &["login"]),
            text("token", &["token"]),
            text("address", &["address"]),
            text("action", &["action"]),
            text("registry", &["registry"]),
            text("subject", &["subject"]),
            text("refusal", &["outcome", "refused"]),
            text("detail", &["detail"]),
        ],
    },
    View {
        name: "holdfast_crates",
        about: "Crates, with what their newest version says about them",
        source: ViewSource::Documents,
        part: Names::Under("crate/"),
        sort: Names::All,
        columns: &[
            text("registry", &["registry"]),
            sort("canonical_name", 0),
            text("name", &["name"]),
            json("owners", &["owners"]),
            time("created_at", &["created_at"]),
            column("updated_at", ViewValue::Json(&["updated_millis"]), ViewKind::Millis),
            text("max_version", &["max_version"]),
            boolean("max_yanked", &["max_yanked"]),
            integer("version_count", &["version_count"]),
            text("description", &["about", "description"]),
            text("license", &["about", "license"]),
            text("repository", &["about", "repository"]),
            text("homepage", &["about", "homepage"]),
            text("documentation", &["about", "documentation"]),
            json("keywords", &["about", "keywords"]),
            json("categories", &["about", "categories"]),
            json("dependencies", &["dependencies"]),
        ],
    },
    View {
        name: "holdfast_daily_downloads",
        about: "Downloads of a version on a day (UTC)",
        source: ViewSource::Counters,
        part: Names::Under("downloads/"),
        sort: Names::Under("day/"),
        columns: &[
            part("registry", 1),
            part("canonical_name", 2),
            sort("day", 1),
            sort("version", 2),
            count("downloads"),
        ],
    },
    View {
        name: "holdfast_downloads",
        about: "Downloads of a crate since it came",
        source: ViewSource::Counters,
        part: Names::Under("downloads/"),
        sort: Names::Exactly("total"),
        columns: &[part("registry", 1), part("canonical_name", 2), count("downloads")],
    },
    View {
        name: "holdfast_members",
        about: "Who is in which team",
        source: ViewSource::Documents,
        part: Names::Under("member/"),
        sort: Names::All,
        columns: &[text("team", &["team"]), text("login", &["login"]), time("since", &["since"])],
    },
    View {
        name: "holdfast_registries",
        about: "Registries and their settings",
        source: ViewSource::Documents,
        part: Names::Exactly(RegistryRecord::PART),
        sort: Names::All,
        columns: &[
            text("name", &["name"]),
            text("kind", &["kind"]),
            boolean("anonymous_read", &["anonymous_read"]),
            text("required_fields", &["required_fields"]),
            time("created_at", &["created_at"]),
            boolean("removed", &["removed"]),
        ],
    },
    View {
        name: "holdfast_teams",
        about: "Teams",
        source: ViewSource::Documents,
        part: Names::Exactly(Team::PART),
        sort: Names::All,
        columns: &[
            text("name", &["name"]),
            time("created_at", &["created_at"]),
            boolean("leaving", &["leaving"]),
        ],
    },
    View {
        name: "holdfast_token_uses",
        about: "When and from where a token was last used",
        source: ViewSource::Documents,
        part: Names::Exactly(TokenUse::PART),
        sort: Names::All,
        columns: &[text("id", &["id"]), time("at", &["at"]), text("address", &["address"])],
    },
    View {
        name: "holdfast_tokens",
        about: "Whose tokens there are and what they may do; the secret is nowhere",
        source: ViewSource::Documents,
        part: Names::Exactly(Token::PART),
        sort: Names::All,
        columns: &[
            text("id", &["id"]),
            text("login", &["login"]),
            text("label", &["label"]),
            json("scopes", &["scopes"]),
            time("created_at", &["created_at"]),
            time("expires_at", &["expires_at"]),
        ],
    },
    View {
        name: "holdfast_users",
        about: "People and service accounts",
        source: ViewSource::Documents,
        part: Names::Exactly(User::PART),
        sort: Names::All,
        columns: &[
            text("login", &["login"]),
            text("role", &["role"]),
            boolean("service", &["service"]),
            boolean("disabled", &["disabled"]),
            boolean("leaving", &["leaving"]),
            time("created_at", &["created_at"]),
        ],
    },
    View {
        name: "holdfast_version_downloads",
        about: "Downloads of a version since it came",
        source: ViewSource::Counters,
        part: Names::Under("downloads/"),
        sort: Names::Under("version/"),
        columns: &[part("registry", 1), part("canonical_name", 2), sort("version", 1), count("downloads")],
    },
    View {
        name: "holdfast_versions",
        about: "Versions, with those that were removed",
        source: ViewSource::Documents,
        part: Names::Under("version/"),
        sort: Names::All,
        columns: &[
            text("registry", &["registry"]),
            part("canonical_name", 2),
            text("name", &["line", "name"]),
            text("version", &["line", "vers"]),
            boolean("yanked", &["line", "yanked"]),
            text("checksum", &["line", "cksum"]),
            integer("size_bytes", &["size_bytes"]),
            time("published_at", &["published_at"]),
            text("published_by", &["published_by"]),
            text("rust_version", &["line", "rust_version"]),
            text("links", &["line", "links"]),
            text("license", &["about", "license"]),
            json("features", &["line", "features"]),
            json("dependencies", &["line", "deps"]),
            time("removed_at", &["removed", "at"]),
            text("removed_by", &["removed", "by"]),
        ],
    },
];

const fn column(name: &'static str, value: ViewValue, kind: ViewKind) -> ViewColumn {
    ViewColumn { name, value, kind }
}

const fn text(name: &'static str, path: &'static [&'static str]) -> ViewColumn {
    column(name, ViewValue::Json(path), ViewKind::Text)
}

const fn time(name: &'static str, path: &'static [&'static str]) -> ViewColumn {
    column(name, ViewValue::Json(path), ViewKind::Time)
}

const fn boolean(name: &'static str, path: &'static [&'static str]) -> ViewColumn {
    column(name, ViewValue::Json(path), ViewKind::Boolean)
}

const fn integer(name: &'static str, path: &'static [&'static str]) -> ViewColumn {
    column(name, ViewValue::Json(path), ViewKind::Integer)
}

const fn json(name: &'static str, path: &'static [&'static str]) -> ViewColumn {
    column(name, ViewValue::Json(path), ViewKind::Json)
}

const fn part(name: &'static str, place: u8) -> ViewColumn {
    column(name, ViewValue::PartSegment(place), ViewKind::Text)
}

const fn sort(name: &'static str, place: u8) -> ViewColumn {
    column(name, ViewValue::SortSegment(place), ViewKind::Text)
}

const fn count(name: &'static str) -> ViewColumn {
    column(name, ViewValue::Count, ViewKind::Integer)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    fn is_plain(name: &str) -> bool {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[test]
    fn names_and_paths_are_plain_words() {
        for view in VIEWS {
            assert!(view.name.starts_with("holdfast_") && is_plain(view.name), "{}", view.name);
            for column in view.columns {
                assert!(is_plain(column.name), "{}.{}", view.name, column.name);
                let twins = view.columns.iter().filter(|other| other.name == column.name).count();
                assert_eq!(twins, 1, "{}.{}", view.name, column.name);
                if let ViewValue::Json(path) = column.value {
                    assert!(!path.is_empty() && path.iter().all(|name| is_plain(name)));
                }
            }
        }
        assert!(VIEWS.is_sorted_by_key(|view| view.name));
    }

    #[test]
    fn nothing_shows_that_lets_somebody_in() {
        let secret = |path: &[&str]| path.iter().any(|name| ["digest", "secret", "password"].contains(name));
        let shown = VIEWS.iter().flat_map(|view| view.columns);
        assert!(
            shown.into_iter().all(|column| !matches!(column.value, ViewValue::Json(path) if secret(path)))
        );
        let digests = |names: Names| matches!(names, Names::Exactly(part) if part == Token::DIGEST_PART);
        assert!(VIEWS.iter().all(|view| view.part != Names::All && !digests(view.part)));
    }

    /// The tables of the handbook's page, written from the views.
    #[test]
    fn the_handbook_lists_every_view_and_column() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/operate/databases/reporting.md");
        let page = std::fs::read_to_string(path).unwrap();
        for view in VIEWS {
            let columns: Vec<String> = view
                .columns
                .iter()
                .map(|column| format!("`{}` {}", column.name, word(column.kind)))
                .collect();
            let row = format!("| `{}` | {} | {} |", view.name, view.about, columns.join(", "));
            assert!(page.contains(&row), "the page lacks this row: {row}");
        }
        assert_eq!(page.matches("\n| `holdfast_").count(), VIEWS.len(), "a view that is no more");
    }

    fn word(kind: ViewKind) -> &'static str {
        match kind {
            ViewKind::Text => "text",
            ViewKind::Integer => "number",
            ViewKind::Boolean => "yes/no",
            ViewKind::Time | ViewKind::Millis => "time",
            ViewKind::Json => "JSON",
        }
    }
}

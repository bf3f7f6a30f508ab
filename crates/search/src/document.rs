//! What is indexed: one document per crate.

use tantivy::TantivyDocument;

use crate::schema::{Fields, identity};
use crate::tokens::{name_words, prefixes, prose, squash};

/// A crate as the index sees it. Nothing of it is stored but its identity and the values it is sorted by.
///
/// `registry` and `canonical` together are its identity; neither holds a NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The registry's name.
    pub registry: String,
    /// The crate's canonical name: lower case, `-` written as `_`.
    pub canonical: String,
    /// The crate's name as published.
    pub name: String,
    /// The description of its newest version.
    pub description: String,
    /// The keywords of its newest version.
    pub keywords: Vec<String>,
    /// The category slugs of its newest version, such as `web-programming::http-client`.
    pub categories: Vec<String>,
    /// Canonical names of the crates that its newest version depends on.
    pub dependencies: Vec<String>,
    /// The README, as it is written; the first 64 KiB are indexed.
    pub readme: String,
    /// How often it was downloaded, where that is known.
    pub downloads: Option<u64>,
    /// When it was last published to, in seconds since 1970.
    pub updated_at: i64,
    /// Access labels: only a searcher who holds one of them finds the crate.
    pub access: Vec<String>,
}

/// One step that brings the index up to date. Applying a step twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The crate is new, or something about it changed.
    Upsert(Box<Document>),
    /// The crate is gone.
    Remove {
        /// The registry's name.
        registry: String,
        /// The crate's canonical name.
        canonical: String,
    },
}

impl Document {
    /// Turns the document into the terms that are indexed.
    pub(crate) fn to_terms(&self, fields: &Fields) -> TantivyDocument {
        let mut terms = TantivyDocument::default();
        terms.add_text(fields.identity, identity(&self.registry, &self.canonical));
        terms.add_text(fields.registry, &self.registry);
        terms.add_text(fields.name, &self.canonical);
        for (field, values) in [(fields.access, &self.access), (fields.dependency, &self.dependencies)] {
            for value in values {
                terms.add_text(field, value);
            }
        }
        for keyword in &self.keywords {
            terms.add_text(fields.keyword, keyword.to_lowercase());
        }
        for category in self.categories.iter().flat_map(|category| with_parents(category)) {
            terms.add_text(fields.category, category);
        }
        self.add_name(fields, &mut terms);
        terms.add_text(fields.topics, self.topics());
        terms.add_text(fields.description, prose(&self.description));
        terms.add_text(fields.readme, prose(&self.readme));
        terms.add_i64(fields.updated_at, self.updated_at);
        terms.add_u64(fields.downloads, self.downloads.unwrap_or(0));
        terms
    }

    fn add_name(&self, fields: &Fields, terms: &mut TantivyDocument) {
        let squashed = squash(&self.name);
        let words = name_words(&self.name);
        let word_prefixes: Vec<&str> = words.iter().flat_map(|word| prefixes(word)).collect();
        terms.add_text(fields.name_prefixes, prefixes(&squashed).collect::<Vec<_>>().join(" "));
        terms.add_text(fields.squashed, &squashed);
        terms.add_text(fields.word_prefixes, word_prefixes.join(" "));
        terms.add_text(fields.words, words.join(" "));
    }

    /// Keywords and categories as words to search for, each also in one piece.
    fn topics(&self) -> String {
        let mut topics = Vec::new();
        for topic in
            self.keywords.iter().map(String::as_str).chain(self.categories.iter().flat_map(|c| c.split("::")))
        {
            topics.push(squash(topic));
            topics.extend(name_words(topic));
        }
        topics.join(" ")
    }
}

/// `a::b::c` and its parents `a::b` and `a`, in lower case.
fn with_parents(category: &str) -> Vec<String> {
    let category = category.to_lowercase();
    let parents = category.match_indices("::").map(|(end, _)| category[..end].to_owned());
    parents.chain([category.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::with_parents;

    #[test]
    fn a_category_includes_its_parents() {
        assert_eq!(with_parents("Web::HTTP::Client"), ["web", "web::http", "web::http::client"]);
        assert_eq!(with_parents("games"), ["games"]);
    }
}

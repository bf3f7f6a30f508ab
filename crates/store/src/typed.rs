//! Typed entities over documents: how they are encoded, upgraded and read.
//!
//! A body is the entity's JSON object with the format version as its first field: `{"v":1,…}`.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

use crate::contract::{Doc, Key, Rev, Scan, Store, StoreError};

/// A document with an identity, a format version and a pure list of the index entries that it owns.
///
/// Its body is a JSON object without a field `v` of its own; fields that it does not know are ignored (no
/// `deny_unknown_fields`).
pub trait Entity: Sized + Send + Sync {
    /// The format that this code writes.
    const VERSION: u32;

    /// Reads a body of this format, with or without the version field. By [`body_by_serde`](crate::body_by_serde).
    fn from_body(body: &str) -> Result<Self, serde_json::Error>;

    /// The body without the version field. By [`body_by_serde`](crate::body_by_serde).
    fn to_body(&self) -> Result<String, serde_json::Error>;

    /// Where this entity is stored. It follows from the identity and never changes.
    fn key(&self) -> Key;

    /// The index entries of this entity and their JSON bodies (`{}` when the key says everything). A pure
    /// function of the entity; no two entities may own one entry.
    fn indexes(&self) -> Vec<(Key, String)> {
        Vec::new()
    }

    /// Turns a body of format `from` into format `from + 1`, both without the version field; `None` when
    /// there is no such step.
    fn upgrade(from: u32, body: Value) -> Option<Value> {
        let _ = (from, body);
        None
    }
}

/// Says in an `impl Entity` that serde reads and writes the body: there, so that this is compiled with the entity
/// and not again in each package that reads one.
#[macro_export]
macro_rules! body_by_serde {
    () => {
        fn from_body(body: &str) -> ::std::result::Result<Self, ::serde_json::Error> {
            ::serde_json::from_str(body)
        }

        fn to_body(&self) -> ::std::result::Result<String, ::serde_json::Error> {
            ::serde_json::to_string(self)
        }
    };
}

/// One entity with the revision it was read at.
pub async fn read<E: Entity>(store: &dyn Store, key: &Key) -> Result<Option<(Rev, E)>, StoreError> {
    let docs = store.get_many(std::slice::from_ref(key)).await?;
    docs.into_iter().flatten().next().map(|doc| decode_doc(&doc)).transpose()
}

/// Several entities of one type, in the order asked.
pub async fn read_many<E: Entity>(
    store: &dyn Store,
    keys: &[Key],
) -> Result<Vec<Option<(Rev, E)>>, StoreError> {
    let docs = store.get_many(keys).await?;
    docs.iter().map(|doc| doc.as_ref().map(decode_doc).transpose()).collect()
}

/// One page of entities.
pub async fn scan<E: Entity>(store: &dyn Store, scan: &Scan) -> Result<Vec<(Rev, E)>, StoreError> {
    store.scan(scan).await?.iter().map(decode_doc).collect()
}

/// Every entity of a partition that is known to be small; walk a large one with [`Pages`].
pub async fn scan_all<E: Entity>(store: &dyn Store, part: &str) -> Result<Vec<(Rev, E)>, StoreError> {
    let mut pages = Pages::new(store, part);
    let mut all = Vec::new();
    while let Some(page) = pages.next_entities().await? {
        all.extend(page);
    }
    Ok(all)
}

/// Walks a partition from its beginning to its end, one page at a time. What other commits change during
/// the walk is seen or not, but nothing is seen twice.
pub struct Pages<'a> {
    store: &'a dyn Store,
    scan: Scan,
    ended: bool,
}

impl<'a> Pages<'a> {
    const LIMIT: u32 = 256;

    /// A walk over `part`.
    pub fn new(store: &'a dyn Store, part: impl Into<String>) -> Pages<'a> {
        Pages { store, scan: Scan::first(part, Pages::LIMIT), ended: false }
    }

    /// The next documents; `None` at the end.
    pub async fn next_docs(&mut self) -> Result<Option<Vec<Doc>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let docs = self.store.scan(&self.scan).await?;
        self.turn(docs.len(), docs.last().map(|doc| doc.key.sort.clone()));
        Ok(Some(docs).filter(|docs| !docs.is_empty()))
    }

    /// The next entities; `None` at the end.
    pub async fn next_entities<E: Entity>(&mut self) -> Result<Option<Vec<(Rev, E)>>, StoreError> {
        let Some(docs) = self.next_docs().await? else { return Ok(None) };
        docs.iter().map(decode_doc).collect::<Result<_, _>>().map(Some)
    }

    /// The next counters; `None` at the end. A walk reads either documents or counters.
    pub async fn next_counters(&mut self) -> Result<Option<Vec<(Key, i64)>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let counters = self.store.counters(&self.scan).await?;
        self.turn(counters.len(), counters.last().map(|(key, _)| key.sort.clone()));
        Ok(Some(counters).filter(|counters| !counters.is_empty()))
    }

    fn turn(&mut self, found: usize, last: Option<String>) {
        self.ended = found < self.scan.limit as usize;
        self.scan.after = last;
    }
}

pub(crate) fn encode<E: Entity>(key: &Key, entity: &E) -> Result<String, StoreError> {
    let corrupt = |source| StoreError::Corrupt { key: key.clone(), source };
    let json = entity.to_body().map_err(corrupt)?;
    let fields = json.strip_prefix('{').ok_or_else(|| {
        corrupt(serde_json::Error::custom("an entity must serialise to a JSON object; this one does not"))
    })?;
    let comma = if fields == "}" { "" } else { "," };
    Ok(format!("{{\"v\":{}{comma}{fields}", E::VERSION))
}

pub(crate) fn decode_doc<E: Entity>(doc: &Doc) -> Result<(Rev, E), StoreError> {
    Ok((doc.rev, decode(&doc.key, &doc.body)?))
}

/// An entity from its stored body, of this format or an older one, for tools that read documents as they are.
pub fn decode<E: Entity>(key: &Key, body: &str) -> Result<E, StoreError> {
    parse(body).map_err(|source| StoreError::Corrupt { key: key.clone(), source })
}

fn parse<E: Entity>(body: &str) -> Result<E, serde_json::Error> {
    let version = match leading_version(body) {
        Some(version) => version,
        None => serde_json::from_str::<Stamp>(body)?.v,
    };
    if version == E::VERSION {
        return E::from_body(body);
    }
    E::from_body(&upgraded(body, version, E::VERSION, E::upgrade)?)
}

/// A body of format `version` as one of format `wanted`, by a step for each format between.
fn upgraded(
    body: &str,
    version: u32,
    wanted: u32,
    step: fn(u32, Value) -> Option<Value>,
) -> Result<String, serde_json::Error> {
    if wanted < version {
        return Err(serde_json::Error::custom(format_args!(
            "it has format `{version}`, newer than the `{wanted}` that this release reads; run a newer release"
        )));
    }
    let mut value: Value = serde_json::from_str(body)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("v");
    }
    for from in version..wanted {
        value = step(from, value).ok_or_else(|| {
            serde_json::Error::custom(format_args!(
                "its format `{from}` cannot be upgraded to `{}`",
                from + 1
            ))
        })?;
    }
    Ok(value.to_string())
}

#[derive(Deserialize)]
struct Stamp {
    v: u32,
}

/// The version of a body as this layer writes it, without parsing the rest.
fn leading_version(body: &str) -> Option<u32> {
    let rest = body.strip_prefix("{\"v\":")?;
    let (digits, _) = rest.split_once([',', '}'])?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use std::sync::Arc;

    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::{Batch, Memory, Op};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Person {
        name: String,
        born: u32,
    }

    impl Entity for Person {
        const VERSION: u32 = 3;

        crate::body_by_serde!();

        fn key(&self) -> Key {
            Key::new("person", &*self.name)
        }

        fn upgrade(from: u32, mut body: Value) -> Option<Value> {
            let fields = body.as_object_mut()?;
            assert!(!fields.contains_key("v"));
            match from {
                1 => fields.insert("name".into(), fields.get("nick")?.clone()),
                2 => fields.insert("born".into(), json!(2000)),
                _ => return None,
            };
            Some(body)
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Nothing {}

    impl Entity for Nothing {
        const VERSION: u32 = 12;

        crate::body_by_serde!();

        fn key(&self) -> Key {
            Key::new("nothing", "")
        }
    }

    fn read_body(body: &str) -> Result<Person, String> {
        decode(&Key::new("person", "ann"), body).map_err(|error| match error {
            StoreError::Corrupt { source, .. } => source.to_string(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn the_version_leads_the_body() {
        let ann = Person { name: "ann".into(), born: 1990 };
        assert_eq!(encode(&ann.key(), &ann).unwrap(), r#"{"v":3,"name":"ann","born":1990}"#);
        assert_eq!(encode(&Nothing {}.key(), &Nothing {}).unwrap(), r#"{"v":12}"#);
        assert!(decode::<Nothing>(&Nothing {}.key(), r#"{"v":12}"#).is_ok());
    }

    #[test]
    fn bodies_of_any_age_and_order_are_read() {
        let born = |born| Ok(Person { name: "ann".into(), born });
        assert_eq!(read_body(r#"{"v":3,"name":"ann","born":1990}"#), born(1990));
        assert_eq!(read_body(r#"{ "born": 1990, "v": 3, "name": "ann", "more": [] }"#), born(1990));
        assert_eq!(read_body(r#"{"v":2,"name":"ann"}"#), born(2000));
        assert_eq!(read_body(r#"{"nick":"ann","v":1}"#), born(2000));
    }

    #[test]
    fn unreadable_bodies_say_why() {
        for (body, reason) in [
            (r#"{"v":4,"name":"ann","born":1}"#, "newer than the `3`"),
            (r#"{"v":0,"name":"ann","born":1}"#, "its format `0` cannot be upgraded"),
            (r#"{"name":"ann","born":1}"#, "missing field `v`"),
            (r#"{"v":3,"name":"ann"}"#, "missing field `born`"),
            ("", "EOF"),
            ("[]", "v"),
        ] {
            let error = read_body(body).unwrap_err();
            assert!(error.contains(reason), "{body}: {error}");
        }
    }

    #[tokio::test]
    async fn pages_walk_a_whole_partition_once() {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        for count in [0, 1, Pages::LIMIT, Pages::LIMIT * 2 + 1] {
            let part = format!("part-{count}");
            for number in 0..count {
                let mut batch = Batch::new();
                let body = format!(r#"{{"v":3,"name":"{number:05}","born":{number}}}"#);
                batch.add(Key::new(&*part, format!("{number:05}")), Op::Create(body)).unwrap();
                store.commit(batch).await.unwrap();
                store.count(&[(Key::new(&*part, format!("{number:05}")), 1)]).await.unwrap();
            }
            let born: Vec<u32> = scan_all::<Person>(&*store, &part)
                .await
                .unwrap()
                .iter()
                .map(|(_, person)| person.born)
                .collect();
            assert_eq!(born, (0..count).collect::<Vec<_>>());
            let (mut pages, mut counters) = (Pages::new(&*store, &*part), 0);
            while let Some(page) = pages.next_counters().await.unwrap() {
                counters += page.len();
            }
            assert_eq!(counters, count as usize);
        }
    }
}

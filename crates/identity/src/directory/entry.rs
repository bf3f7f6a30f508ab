//! What a directory tells about one entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ldap3::SearchEntry;
use serde_json::{Map, Value};

use super::{DirectoryConfig, DirectoryError, Misfit};
use crate::{Claims, Person};

/// An entry with the attributes that were asked for.
pub(super) struct Entry {
    pub(super) dn: String,
    /// By name in lower case, since directories answer in another case than they are asked in.
    values: BTreeMap<String, Vec<Vec<u8>>>,
}

impl From<SearchEntry> for Entry {
    fn from(entry: SearchEntry) -> Entry {
        let texts = entry.attrs.into_iter().map(|(name, values)| {
            let values = values.into_iter().map(String::into_bytes).collect();
            (name, values)
        });
        let values = texts.chain(entry.bin_attrs).map(|(name, values)| (name.to_ascii_lowercase(), values));
        Entry { dn: entry.dn, values: values.collect() }
    }
}

impl Entry {
    /// The first text of an attribute.
    pub(super) fn text(&self, attribute: &str) -> Option<String> {
        self.texts(attribute).next().map(str::to_owned)
    }

    /// Whom the entry stands for, who typed `login`.
    pub(super) fn person(
        &self,
        config: &DirectoryConfig,
        login: &str,
        groups: BTreeSet<String>,
    ) -> Result<Person, DirectoryError> {
        let subject = self
            .id(&config.id_attribute)
            .ok_or_else(|| Misfit::NoId { dn: self.dn.clone(), attribute: config.id_attribute.clone() })?;
        // Of several logins of one entry, the one that was typed.
        let mut logins = self.texts(&config.login_attribute);
        let first = logins.next();
        let login = first.into_iter().chain(logins).find(|text| text.eq_ignore_ascii_case(login)).or(first);
        let email = self.text(&config.email_attribute);
        Ok(Person {
            issuer: config.issuer(),
            subject,
            login: login.map(str::to_owned),
            email_verified: email.is_some() && config.email_verified,
            email,
            full_name: self.text(&config.full_name_attribute),
            groups,
            claims: self.claims(),
        })
    }

    fn values(&self, attribute: &str) -> &[Vec<u8>] {
        self.values.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        let texts = self.values(attribute).iter().filter_map(|value| std::str::from_utf8(value).ok());
        texts.map(str::trim).filter(|text| !text.is_empty())
    }

    fn id(&self, attribute: &str) -> Option<String> {
        if attribute == "dn" {
            return Some(self.dn.clone());
        }
        let value = self.values(attribute).first().filter(|value| !value.is_empty())?;
        // The sixteen bytes of Active Directory may happen to be text, so the name decides.
        if attribute.eq_ignore_ascii_case("objectGUID") {
            return Some(guid(value).unwrap_or_else(|| hex(value)));
        }
        Some(self.text(attribute).unwrap_or_else(|| hex(value)))
    }

    fn claims(&self) -> Claims {
        let mut claims = Map::new();
        claims.insert("dn".to_owned(), Value::from(self.dn.as_str()));
        for attribute in self.values.keys() {
            let texts: Vec<&str> = self.texts(attribute).collect();
            let value = match texts[..] {
                [] => continue,
                [text] => Value::from(text),
                _ => Value::from(texts),
            };
            claims.insert(attribute.clone(), value);
        }
        Claims::from(claims)
    }
}

/// As Windows writes it: the first three numbers are stored with their last byte first.
fn guid(bytes: &[u8]) -> Option<String> {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let digits = hex(&ORDER.map(|place| bytes[place]));
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Some(parts.join("-"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes everything");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, values: &[&[u8]]) -> Entry {
        let values = values.iter().map(|value| value.to_vec()).collect();
        Entry { dn: "cn=a".to_owned(), values: [(name.to_owned(), values)].into() }
    }

    #[test]
    fn ids_are_text() {
        let check = |attribute: &str, value: &[u8], expected: Option<&str>| {
            let entry = entry(&attribute.to_ascii_lowercase(), &[value]);
            assert_eq!(entry.id(attribute).as_deref(), expected, "{attribute}");
        };
        let in_ad = b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
        check("objectGUID", in_ad, Some("00112233-4455-6677-8899-aabbccddeeff"));
        check("objectGUID", b"abcdefghijklmnop", Some("64636261-6665-6867-696a-6b6c6d6e6f70"));
        check("entryUUID", b"9e4d", Some("9e4d"));
        check("objectSid", &[0xff, 1], Some("ff01"));
        check("entryUUID", b"", None);
        check("dn", b"", Some("cn=a"));
    }

    #[test]
    fn one_value_is_a_text_and_more_are_a_list() {
        let claims = entry("mail", &[b"a", b"b"]).claims();
        assert_eq!(claims.texts("mail").len(), 2);
        assert_eq!(claims.text("dn").as_deref(), Some("cn=a"));
        assert_eq!(entry("mail", &[b"a"]).claims().text("mail").as_deref(), Some("a"));
    }
}

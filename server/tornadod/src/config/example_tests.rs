//! The example file describes every key that the file may contain, with its default.

use super::Config;
use serde::Deserialize as _;
use serde::de::value::MapDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use toml::Value;

const EXAMPLE: &str = include_str!("../../../../installers/tornado.toml");

/// Reads a value and records the path of each field that the structures in it have, also of those without a value.
struct Walk<'a> {
    value: Value,
    path: String,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = toml::de::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let Value::Table(mut table) = self.value else { return Err(Self::Error::custom("not a table")) };
        let below =
            |field: &str| if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        self.found.borrow_mut().extend(fields.iter().map(|field| below(field)));
        let values = fields.iter().filter_map(|field| {
            let value = table.remove(*field)?;
            Some((*field, Walk { value, path: below(field), found: self.found }))
        });
        visitor.visit_map(MapDeserializer::new(values))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.value.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, toml::de::Error> for Walk<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn values(text: &str) -> Value {
    Value::try_from(Config::parse(text).unwrap()).unwrap()
}

/// The example with all keys that are commented out.
fn uncommented() -> String {
    let is_key = |line: &&str| line.contains(" = ") && !line.starts_with(' ');
    let lines = EXAMPLE.lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// Every key that the file may contain, as `table.key`.
pub(super) fn keys() -> Vec<String> {
    let found = RefCell::default();
    Config::deserialize(Walk { value: values(""), path: String::new(), found: &found }).unwrap();
    found.into_inner()
}

#[test]
fn the_shipped_example_is_the_defaults() {
    assert_eq!(values(EXAMPLE), values(""));
    // With all examples uncommented the file must be valid, or it would document keys that do not exist.
    assert_eq!(values(&uncommented())["lanes"], values("")["lanes"]);
}

#[test]
fn the_shipped_example_describes_every_key() {
    let (defaults, keys) = (values(""), keys());
    let described: Value = toml::from_str(&uncommented()).unwrap();
    for known in ["session.stats_interval", "store.url", "tor.probe.target", "lanes.pools.tor.v6", "auth.guard"] {
        assert!(keys.iter().any(|path| path == known), "{known} was not found");
    }
    let missing: Vec<_> = keys.iter().filter(|path| at(&described, path).is_none()).collect();
    assert!(missing.is_empty(), "installers/tornado.toml does not describe {missing:?}");
    // A key whose default is empty has an example instead.
    let is_set = |value: &&Value| !value.is_table() && value.as_array().is_none_or(|list| !list.is_empty());
    for path in &keys {
        if let Some(default) = at(&defaults, path).filter(is_set) {
            assert_eq!(at(&described, path), Some(default), "the default of {path}");
        }
    }
}

//! The value of a field.

use super::text::{MAX_VALUE, shortened, without_controls};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A flat value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// True or false.
    Bool(bool),
}

impl Value {
    /// A number; text if it is not finite, because JSON has no such numbers.
    #[must_use]
    pub fn real(number: f64) -> Self {
        if number.is_finite() { Self::Real(number) } else { Self::Text(number.to_string()) }
    }

    /// A whole number; large ones lose precision.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "documented")]
    pub fn whole(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Real(number as f64), Self::Int)
    }

    pub(super) const fn is_bounded(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= MAX_VALUE,
            Self::Int(_) | Self::Real(_) | Self::Bool(_) => true,
        }
    }

    pub(super) fn remove_controls(&mut self) {
        if let Self::Text(text) = self
            && text.contains(char::is_control)
        {
            *text = without_controls(text).into_owned();
        }
    }

    pub(super) fn shortened(&self, max: usize) -> Self {
        match self {
            Self::Text(text) => Self::Text(shortened(&without_controls(text), max).into_owned()),
            Self::Real(number) => Self::real(*number),
            Self::Int(_) | Self::Bool(_) => self.clone(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Flat)
    }
}

/// Rejects lists, objects and `null`.
struct Flat;

impl Visitor<'_> for Flat {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number or a boolean")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::whole(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::real(number))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }
}

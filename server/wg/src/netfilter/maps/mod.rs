//! Elements of a table's maps and sets.

mod connection;
mod wire;

pub(crate) use connection::Maps;
pub(crate) use wire::{Element, ElementValue, Key};

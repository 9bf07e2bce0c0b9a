//! Netlink encoding of the elements of nftables maps (`include/uapi/linux/netfilter/nf_tables.h`). Pure.

use super::super::message::{
    ACKNOWLEDGE, CREATE, DUMP, FAMILY_HEADER, Head, NESTED, address, append, attribute, attributes, message, octets,
    put,
};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// `NFNL_SUBSYS_NFTABLES`
const NFTABLES: u16 = 10;
/// `NFT_MSG_NEWGEN`, also the response to [`GET_GENERATION`].
const GENERATION: u16 = NFTABLES << 8 | 15;
/// `NFT_MSG_GETGEN`
const GET_GENERATION: u16 = NFTABLES << 8 | 16;
/// `NFTA_GEN_ID`
const GENERATION_NUMBER: u16 = 1;
/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`: the messages between them form one transaction.
const BATCH: [u16; 2] = [0x10, 0x11];
/// `NFT_MSG_NEWSETELEM`, also the response to [`GET`].
pub(super) const NEW: u16 = NFTABLES << 8 | 12;
const GET: u16 = NFTABLES << 8 | 13;
const DELETE: u16 = NFTABLES << 8 | 14;
/// `NFPROTO_INET`
const INET: u8 = 1;
/// `NFTA_SET_ELEM_LIST_…`
const TABLE: u16 = 1;
const SET: u16 = 2;
const ELEMENTS: u16 = 3;
/// `NFTA_LIST_ELEM`
const ELEMENT: u16 = 1;
/// `NFTA_SET_ELEM_…`
const KEY: u16 = 1;
const DATA: u16 = 2;
const LIMIT: u16 = 9;
/// Timeout, expression and expressions. Our elements have none of them.
const UNUSED: [u16; 3] = [4, 7, 11];
/// `NFTA_DATA_…`
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
/// `NFTA_VERDICT_…`
const CODE: u16 = 1;
const CHAIN: u16 = 2;
/// `NFT_GOTO`
const GOTO: i32 = -4;
/// Elements per message. Each takes some 60 bytes, and the list is one attribute of at most 64 KiB.
const PER_MESSAGE: usize = 500;

/// The key of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A single address.
    One(IpAddr),
    /// Source and destination, of the same family.
    Pair(IpAddr, IpAddr),
    /// Anything else, such as the catch-all element (`*`); never one of ours.
    Other,
}

/// Formats a key as nft(8) does.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => address.fmt(out),
            Self::Pair(from, to) => write!(out, "{from} . {to}"),
            Self::Other => out.write_str("*"),
        }
    }
}

/// The value of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ElementValue {
    /// An address of the same family as the key.
    Address(IpAddr),
    /// `goto` a chain.
    Goto(String),
    /// A named limit of the table.
    Limit(String),
    /// No value: the element of a set.
    Member,
    /// Anything else; never one of ours.
    Other,
}

/// An element of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    /// Name of the map.
    pub(crate) map: &'static str,
    pub(crate) key: IpAddr,
    pub(crate) value: ElementValue,
}

/// Encodes one transaction that deletes the elements `gone` and then adds the elements `put`. Returns the bytes and the
/// number of responses to expect.
pub(super) fn change(table: &str, gone: &[Element], put: &[Element], sequence: u32) -> (Vec<u8>, usize) {
    let (mut out, mut responses) = (Vec::new(), 0);
    let plain = |kind| Head { kind, flags: 0, family: 0, resource: NFTABLES, sequence };
    append(&mut out, plain(BATCH[0]), &[]);
    for (kind, flags, all) in [(DELETE, ACKNOWLEDGE, gone), (NEW, ACKNOWLEDGE | CREATE, put)] {
        let mut by_map = BTreeMap::<&str, Vec<&Element>>::new();
        for element in all {
            by_map.entry(element.map).or_default().push(element);
        }
        for (map, all) in by_map {
            for chunk in all.chunks(PER_MESSAGE) {
                let mut list = Vec::new();
                for one in chunk {
                    nest(&mut list, ELEMENT, |out| element(out, one, kind == NEW));
                }
                let mut body = named(table, map);
                super::super::message::put(&mut body, ELEMENTS | NESTED, &list);
                append(&mut out, Head { kind, flags, family: INET, resource: 0, sequence }, &body);
                responses += 1;
            }
        }
    }
    append(&mut out, plain(BATCH[1]), &[]);
    (out, responses)
}

/// Encodes the request for all elements of a map.
pub(super) fn list(table: &str, map: &str, sequence: u32) -> Vec<u8> {
    message(Head { kind: GET, flags: DUMP, family: INET, resource: 0, sequence }, &named(table, map))
}

/// Encodes the request for the generation number.
pub(super) fn request_generation(sequence: u32) -> Vec<u8> {
    message(Head { kind: GET_GENERATION, flags: 0, family: 0, resource: 0, sequence }, &[])
}

/// The generation number, if the message is the response to [`request_generation`].
pub(super) fn generation(kind: u16, payload: &[u8]) -> Option<u32> {
    let number = payload.get(FAMILY_HEADER..).filter(|_| kind == GENERATION)?;
    attribute(number, GENERATION_NUMBER)?.try_into().ok().map(u32::from_be_bytes)
}

/// Parses the elements in the payload of one response to [`list`].
pub(super) fn elements(payload: &[u8]) -> impl Iterator<Item = (Key, ElementValue)> {
    let all = payload.get(FAMILY_HEADER..).and_then(|all| attribute(all, ELEMENTS)).unwrap_or_default();
    attributes(all).filter(|(kind, _)| *kind == ELEMENT).map(|(_, element)| {
        let key = attribute(element, KEY).and_then(|key| self::key(attribute(key, VALUE)?)).unwrap_or(Key::Other);
        (key, value(element).unwrap_or(ElementValue::Other))
    })
}

fn named(table: &str, map: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, TABLE, &text(table));
    put(&mut out, SET, &text(map));
    out
}

fn element(out: &mut Vec<u8>, element: &Element, with_value: bool) {
    nest(out, KEY, |out| put(out, VALUE, &octets(element.key)));
    if !with_value {
        return;
    }
    match &element.value {
        ElementValue::Address(to) => nest(out, DATA, |out| put(out, VALUE, &octets(*to))),
        ElementValue::Goto(chain) => nest(out, DATA, |out| {
            nest(out, VERDICT, |out| {
                put(out, CODE, &GOTO.to_be_bytes());
                put(out, CHAIN, &text(chain));
            });
        }),
        // Only nft(8) adds these. Without data, the kernel rejects them in the maps that are changed here.
        ElementValue::Limit(_) | ElementValue::Member | ElementValue::Other => {}
    }
}

fn nest(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    put(out, kind | NESTED, &inner);
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn key(bytes: &[u8]) -> Option<Key> {
    let pair = |half| Some(Key::Pair(address(bytes.get(..half)?)?, address(bytes.get(half..)?)?));
    match bytes.len() {
        8 => pair(4),
        32 => pair(16),
        _ => address(bytes).map(Key::One),
    }
}

fn value(element: &[u8]) -> Option<ElementValue> {
    if attributes(element).any(|(kind, _)| UNUSED.contains(&kind)) {
        return None;
    }
    if let Some(limit) = attribute(element, LIMIT) {
        return name(limit).map(ElementValue::Limit);
    }
    let Some(data) = attribute(element, DATA) else { return Some(ElementValue::Member) };
    if let Some(value) = attribute(data, VALUE) {
        return address(value).map(ElementValue::Address);
    }
    let verdict = attribute(data, VERDICT)?;
    let code = attribute(verdict, CODE).and_then(|code| code.try_into().ok()).map(i32::from_be_bytes);
    let chain = name(attribute(verdict, CHAIN)?)?;
    (code == Some(GOTO)).then_some(ElementValue::Goto(chain))
}

fn name(bytes: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes)).ok()?.to_owned())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

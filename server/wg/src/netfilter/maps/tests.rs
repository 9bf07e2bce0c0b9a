use super::super::super::message::messages;
use super::*;
use proptest::prelude::*;

fn element(map: &'static str, key: &str, value: ElementValue) -> Element {
    Element { map, key: key.parse().unwrap(), value }
}

#[test]
fn bytes_of_a_small_change() {
    let gone = [element("m", "10.0.0.1", ElementValue::Goto("c".into()))];
    let put = [element("m", "10.0.0.1", ElementValue::Address([100, 64, 0, 1].into()))];
    let (bytes, responses) = change("t", &gone, &put, 7);
    assert_eq!(responses, 2);
    let little = |value: u32| value.to_ne_bytes();
    let short = |value: u16| value.to_ne_bytes();
    let attribute = |kind: u16, value: &[u8]| {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut out = [&short(length)[..], &short(kind)[..], value].concat();
        out.resize(out.len().next_multiple_of(4), 0);
        out
    };
    let name = [attribute(1, b"t\0"), attribute(2, b"m\0")].concat();
    let key = attribute(0x8001, &attribute(1, &[10, 0, 0, 1]));
    let data = attribute(0x8002, &attribute(1, &[100, 64, 0, 1]));
    let message = |kind: u16, flags: u16, family: [u8; 4], body: &[u8]| {
        let length = u32::try_from(20 + body.len()).unwrap();
        [&little(length)[..], &short(kind), &short(flags), &little(7), &little(0), &family, body].concat()
    };
    let body = |element: &[u8]| [name.clone(), attribute(0x8003, &attribute(0x8001, element))].concat();
    let expected = [
        message(0x10, 1, [0, 0, 0, 10], &[]),
        message(0x0a0e, 5, [1, 0, 0, 0], &body(&key)),
        message(0x0a0c, 0x405, [1, 0, 0, 0], &body(&[key.clone(), data].concat())),
        message(0x11, 1, [0, 0, 0, 10], &[]),
    ];
    assert_eq!(bytes, expected.concat());
}

/// Parses a response that has one element.
fn parsed(element: &[u8]) -> (Key, ElementValue) {
    let mut payload = vec![0; FAMILY_HEADER];
    nest(&mut payload, ELEMENTS, |out| nest(out, ELEMENT, |out| out.extend(element)));
    let all: Vec<_> = elements(&payload).collect();
    assert_eq!(all.len(), 1);
    all[0].clone()
}

#[test]
fn elements_of_other_forms_are_distinguished() {
    let keyed = |key: &[u8]| {
        let mut out = Vec::new();
        nest(&mut out, KEY, |out| put(out, VALUE, key));
        out
    };
    let [one, two] = [IpAddr::from([10, 8, 0, 2]), IpAddr::from([10, 8, 0, 3])];
    assert_eq!(parsed(&keyed(&[10, 8, 0, 2, 10, 8, 0, 3])), (Key::Pair(one, two), ElementValue::Member));
    let six = |last: u8| IpAddr::from([&[0; 15][..], &[last]].concat().try_into().map(|a: [u8; 16]| a).unwrap());
    let both = [&[0; 15][..], &[1], &[0; 15], &[2]].concat();
    assert_eq!(parsed(&keyed(&both)), (Key::Pair(six(1), six(2)), ElementValue::Member));
    let mut limited = keyed(&[10, 8, 0, 2]);
    put(&mut limited, LIMIT, b"up_1\0");
    assert_eq!(parsed(&limited), (Key::One(one), ElementValue::Limit("up_1".into())));
    // An element with a timeout would expire, so it is not one of ours.
    put(&mut limited, UNUSED[0], &[0; 8]);
    assert_eq!(parsed(&limited), (Key::One(one), ElementValue::Other));
    // The catch-all element has no key.
    assert_eq!(parsed(&[]), (Key::Other, ElementValue::Member));
}

fn any_element() -> impl Strategy<Value = Element> {
    let four = (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let six = (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let map = prop_oneof![Just("isolation4"), Just("exit6")];
    (prop_oneof![four, six], map, proptest::option::of("[a-z_]{1,30}")).prop_map(|((key, to), map, chain)| Element {
        map,
        key,
        value: chain.map_or(ElementValue::Address(to), ElementValue::Goto),
    })
}

proptest! {
    /// What `change` writes reads back with the parser of kernel messages, in whole messages of bounded size.
    #[test]
    fn added_elements_are_read_back(rows in proptest::collection::vec(any_element(), 0..1200)) {
        let (bytes, responses) = change("tornado", &[], &rows, 3);
        let mut found = Vec::new();
        let mut count = 0;
        for (kind, payload) in messages(&bytes) {
            if kind == NEW {
                count += 1;
                let map = attribute(&payload[FAMILY_HEADER..], SET).unwrap().to_vec();
                found.extend(elements(payload).map(|(key, value)| (map.clone(), key, value)));
                prop_assert!(payload.len() < 1 << 16);
            }
        }
        prop_assert_eq!(count, responses);
        let mut expected: Vec<_> = rows.into_iter().map(|row| (text(row.map), Key::One(row.key), row.value)).collect();
        expected.sort_by_key(|(map, _, _)| map.clone());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (_, payload) in messages(&bytes) {
            elements(payload).count();
        }
        elements(&bytes).count();
    }
}

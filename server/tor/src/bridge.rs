//! Bridge lines: `[TRANSPORT] ADDRESS:PORT [FINGERPRINT] [KEY=VALUE …]` (tor(1), option `Bridge`; pt-spec).

use std::net::SocketAddr;

/// Most arguments of a transport.
const MAX_ARGUMENTS: usize = 16;
/// Longest line, bytes. Tor itself hands at most 510 bytes of arguments on.
const MAX_LINE: usize = 1024;
/// What obfs4 calls `cert`: 52 bytes in base64 without its padding.
const OBFS4_CERT: usize = 70;

/// A bridge line that was understood, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bridge<'a> {
    /// Without one the bridge is spoken to as any relay.
    pub(crate) transport: Option<&'a str>,
    pub(crate) address: SocketAddr,
    /// 40 hexadecimal digits.
    pub(crate) fingerprint: Option<&'a str>,
}

/// Reads a line. The error says what is wrong without the line itself: who knows a bridge can have it blocked.
pub(crate) fn parse(line: &str) -> Result<Bridge<'_>, &'static str> {
    if line.len() > MAX_LINE {
        return Err("it is too long");
    }
    // torrc(5): none of these stands for itself everywhere in a line.
    if !line.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && !"#\"\\".contains(c)) {
        return Err("it has characters that no bridge line has");
    }
    let mut words = line.split(' ').peekable();
    let transport = words.next_if(|word| word.parse::<SocketAddr>().is_err());
    if transport == Some("Bridge") {
        return Err("it must be given without the word Bridge");
    }
    if let Some(name) = transport
        && !is_transport(name)
    {
        return Err("it begins with neither an address with a port nor the name of a transport");
    }
    let address = words.next().and_then(|word| word.parse::<SocketAddr>().ok());
    let address = address.ok_or("after the transport an address with a port must follow")?;
    if address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast() {
        return Err("its address or port cannot be reached by anybody");
    }
    let fingerprint = words.next_if(|word| !word.contains('='));
    if fingerprint.is_some_and(|text| text.len() != 40 || !text.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err("a fingerprint has 40 hexadecimal digits");
    }
    let arguments: Vec<(&str, &str)> = words
        .map(argument)
        .collect::<Option<_>>()
        .ok_or("what follows must have the form KEY=VALUE, one space between")?;
    match transport {
        None if !arguments.is_empty() => Err("only a transport takes arguments"),
        Some(_) if arguments.len() > MAX_ARGUMENTS => Err("it has too many arguments"),
        Some("obfs4") => obfs4(&arguments).map(|()| Bridge { transport, address, fingerprint }),
        Some(_) | None => Ok(Bridge { transport, address, fingerprint }),
    }
}

/// A C identifier, as pt-spec wants it.
pub(crate) fn is_transport(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn argument(word: &str) -> Option<(&str, &str)> {
    let (key, value) = word.split_once('=')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_key.then_some((key, value))
}

/// Without these two obfs4proxy refuses each connection, and Tor would only say that it cannot connect.
fn obfs4(arguments: &[(&str, &str)]) -> Result<(), &'static str> {
    let get = |key: &str| arguments.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let is_base64 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    if !get("cert").is_some_and(|cert| cert.len() == OBFS4_CERT && is_base64(cert)) {
        return Err("obfs4 needs cert= with 70 characters of base64");
    }
    if !get("iat-mode").is_some_and(|mode| ["0", "1", "2"].contains(&mode)) {
        return Err("obfs4 needs iat-mode= with 0, 1 or 2");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRINT: &str = "0123456789ABCDEF0123456789abcdef01234567";

    fn cert() -> String {
        "Ab+/9".repeat(14)
    }

    #[test]
    fn lines_as_their_owners_give_them() {
        let obfs4 = format!("obfs4 192.0.2.7:443 {PRINT} cert={} iat-mode=0", cert());
        let expected =
            Bridge { transport: Some("obfs4"), address: "192.0.2.7:443".parse().unwrap(), fingerprint: Some(PRINT) };
        assert_eq!(parse(&obfs4), Ok(expected));
        let without = format!("obfs4 [2001:db8::7]:443 cert={} iat-mode=2", cert());
        assert_eq!(parse(&without).unwrap().fingerprint, None);
        let plain = parse("198.51.100.9:9001").unwrap();
        assert_eq!((plain.transport, plain.fingerprint), (None, None));
        assert_eq!(parse(&format!("[2001:db8::9]:9001 {PRINT}")).unwrap().fingerprint, Some(PRINT));
        let snowflake = format!("snowflake 192.0.2.3:80 {PRINT} fingerprint={PRINT} url=https://example.org/ ice=a,b");
        assert_eq!(parse(&snowflake).unwrap().transport, Some("snowflake"));
    }

    #[test]
    fn everything_else_is_refused() {
        let cert = cert();
        for bad in [
            "".to_owned(),
            " ".to_owned(),
            "obfs4".to_owned(),
            "example.org:443".to_owned(),
            "192.0.2.7".to_owned(),
            "192.0.2.7:0".to_owned(),
            "192.0.2.7:99999".to_owned(),
            "0.0.0.0:443".to_owned(),
            "2001:db8::7:443".to_owned(),
            format!("Bridge obfs4 192.0.2.7:443 {PRINT} cert={cert} iat-mode=0"),
            format!("ob-fs 192.0.2.7:443 {PRINT}"),
            format!("4obfs 192.0.2.7:443 {PRINT}"),
            format!("192.0.2.7:443 {PRINT}0"),
            format!("192.0.2.7:443  {PRINT}"),
            format!(" 192.0.2.7:443 {PRINT}"),
            format!("192.0.2.7:443 {PRINT} "),
            format!("192.0.2.7:443 {PRINT} cert=x"),
            format!("192.0.2.7:443 {PRINT}\nControlPort 9051"),
            format!("192.0.2.7:443 {PRINT} # no"),
            format!("obfs4 192.0.2.7:443 {PRINT} cert={cert}"),
            format!("obfs4 192.0.2.7:443 {PRINT} iat-mode=0"),
            format!("obfs4 192.0.2.7:443 {PRINT} cert={cert}x iat-mode=0"),
            format!("obfs4 192.0.2.7:443 {PRINT} cert={cert} iat-mode=3"),
            format!("obfs4 192.0.2.7:443 {PRINT} cert={cert} iat-mode=0 more"),
            format!("other 192.0.2.7:443 {PRINT} ={cert}"),
            format!("other 192.0.2.7:443 {PRINT}{}", " a=b".repeat(17)),
            format!("other 192.0.2.7:443 {PRINT} a={}", "b".repeat(1_000)),
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_one_torrc_line(line in "(obfs4 |[a-z]{0,4} ?)(\\PC|[ =:0-9\\n\\r#\"\\\\]){0,60}") {
            if parse(&line).is_ok() {
                prop_assert!(!line.contains(['#', '\\', '"', '\r', '\n', '\0']));
                prop_assert!(!line.contains("  ") && line.trim() == line);
            }
        }
    }
}

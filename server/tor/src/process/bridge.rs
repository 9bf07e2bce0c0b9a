//! Bridge lines: `[TRANSPORT] ADDRESS:PORT [FINGERPRINT] [KEY=VALUE …]` (tor(1), option `Bridge`; pt-spec).

use std::net::SocketAddr;

/// Maximum number of transport arguments.
const MAX_ARGUMENTS: usize = 16;
/// Maximum length of a line in bytes. Tor passes at most 510 bytes of arguments to a transport.
const MAX_LINE: usize = 1024;
/// Length of the obfs4 argument `cert`: 52 bytes in base64 without padding.
const OBFS4_CERT: usize = 70;

/// A parsed bridge line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bridge<'a> {
    /// `None`: Tor connects to the bridge directly, as to any relay.
    pub(crate) transport: Option<&'a str>,
    pub(crate) address: SocketAddr,
    /// 40 hexadecimal digits.
    pub(crate) fingerprint: Option<&'a str>,
}

/// Parses a line. The error does not contain the line, because a bridge that becomes known can be blocked.
pub(crate) fn parse(line: &str) -> Result<Bridge<'_>, &'static str> {
    if line.len() > MAX_LINE {
        return Err("the line is too long");
    }
    // torrc(5): these characters have a special meaning somewhere in a line.
    if !line.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && !"#\"\\".contains(c)) {
        return Err("it contains characters that are not allowed in a bridge line");
    }
    let mut words = line.split(' ').peekable();
    let transport = words.next_if(|word| word.parse::<SocketAddr>().is_err());
    if transport == Some("Bridge") {
        return Err("remove the word Bridge from its beginning");
    }
    if let Some(name) = transport
        && !is_transport(name)
    {
        return Err("it starts neither with ADDRESS:PORT nor with the name of a transport");
    }
    let address = words.next().and_then(|word| word.parse::<SocketAddr>().ok());
    let address = address.ok_or("the name of the transport must be followed by ADDRESS:PORT")?;
    if address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast() {
        return Err("its address or port is not valid for a connection");
    }
    let fingerprint = words.next_if(|word| !word.contains('='));
    if fingerprint.is_some_and(|text| text.len() != 40 || !text.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err("its fingerprint must have 40 hexadecimal digits");
    }
    let arguments: Vec<(&str, &str)> = words
        .map(argument)
        .collect::<Option<_>>()
        .ok_or("its arguments must have the form KEY=VALUE and be separated by single spaces")?;
    match transport {
        None if !arguments.is_empty() => Err("it has arguments but no transport"),
        Some(_) if arguments.len() > MAX_ARGUMENTS => Err("it has too many arguments"),
        Some("obfs4") => obfs4(&arguments).map(|()| Bridge { transport, address, fingerprint }),
        Some(_) | None => Ok(Bridge { transport, address, fingerprint }),
    }
}

/// Returns true if the name is a C identifier, as pt-spec requires.
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

/// obfs4proxy rejects every connection without these two arguments, and Tor then only reports that it cannot connect.
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
    fn valid_lines_are_parsed() {
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
    fn invalid_lines_are_rejected() {
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
        fn an_accepted_line_stays_one_torrc_line(line in "(obfs4 |[a-z]{0,4} ?)(\\PC|[ =:0-9\\n\\r#\"\\\\]){0,60}") {
            if parse(&line).is_ok() {
                prop_assert!(!line.contains(['#', '\\', '"', '\r', '\n', '\0']));
                prop_assert!(!line.contains("  ") && line.trim() == line);
            }
        }
    }
}

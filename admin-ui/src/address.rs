//! Addresses of pages.

/// An address with parameters, those without value left out.
pub fn address(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut out = path.to_owned();
    for (name, value) in parameters {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
    }
    out
}

/// Whether the server renders the page alone: links to it carry `rel="external"`, so that the browser loads it.
pub fn is_still(path: &str) -> bool {
    STILL.contains(&path)
}

/// Pages behind the menu that the server renders alone.
const STILL: [&str; 3] = ["/about", "/audit", "/keys"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_encodes_its_values_and_leaves_out_empty_ones() {
        let parameters = [("text", Some("a&b ü")), ("state", None), ("lane", Some("")), ("sort", Some("-age"))];
        assert_eq!(address("/sessions", &parameters), "/sessions?text=a%26b%20%C3%BC&sort=-age");
        assert_eq!(address("/sessions", &[]), "/sessions");
    }
}

//! Words of a control line: positional words, and `KEY=VALUE` with or without quotes (control-spec §2.1).

/// A parsed line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Words without a key, in order.
    pub(crate) plain: Vec<String>,
    keyed: Vec<(String, String)>,
}

impl Words {
    /// Parses a line. Never fails: malformed parts become positional words.
    pub(crate) fn of(line: &str) -> Self {
        let mut words = Self::default();
        let mut rest = line.trim_start_matches(' ');
        while !rest.is_empty() {
            let end = rest.find([' ', '=']).unwrap_or(rest.len());
            let (head, tail) = rest.split_at(end);
            if let Some(value) = tail.strip_prefix('=').filter(|_| is_key(head)) {
                let (value, after) = value_of(value);
                words.keyed.push((head.to_owned(), value));
                rest = after;
            } else {
                let end = rest.find(' ').unwrap_or(rest.len());
                words.plain.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            rest = rest.trim_start_matches(' ');
        }
        words
    }

    /// The value of the first word with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.keyed.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The positional word at `index`.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.plain.get(index).map(String::as_str)
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Splits off a value; returns it and the rest of the text.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[index + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_and_values_are_parsed() {
        let words = Words::of(r#"BOOTSTRAP PROGRESS=50 SUMMARY="a \"b\" = c" $AB=nick X= Y="#);
        assert_eq!(words.plain, ["BOOTSTRAP", "$AB=nick"]);
        assert_eq!(words.get("PROGRESS"), Some("50"));
        assert_eq!(words.get("SUMMARY"), Some("a \"b\" = c"));
        assert_eq!((words.get("X"), words.get("Y"), words.get("Z")), (Some(""), Some(""), None));
        assert_eq!(Words::of("A=\"open").get("A"), Some("open"));
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in any::<String>()) {
            drop(Words::of(&text));
        }

        #[test]
        fn no_text_of_separators_causes_a_panic(text in "[ =\"\\\\A-Cé$]{0,40}") {
            drop(Words::of(&text));
        }
    }
}

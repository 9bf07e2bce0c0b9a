//! The messages of all languages as tables: one text for each message, in the order of their names.
//!
//! A text marks what is filled in with control characters, which no message contains: U+0001 and the number of an
//! argument for its value; U+0002 and the number of an argument for a selection, whose cases U+0003 separates and
//! U+0005 ends. A case is its key, U+0004 and its text; the last one has no key. Numbers are single characters from
//! `0`.
//!
//! The build script and `xtask/web` include this file; `src/texts.rs` fills in.

use crate::messages::{Messages, Part, parse, variables};
use std::path::Path;

/// The languages: their files, in the order of `Lang`. English comes first and decides which messages exist.
const LANGUAGES: [&str; 4] = ["en", "de", "es", "fa"];

/// A message: its name and its arguments.
pub type Signature = (String, Vec<String>);

/// The messages, and the table of each language after its tag.
pub struct Tables {
    /// The messages, in the order of the tables.
    pub signatures: Vec<Signature>,
    /// The texts of each language.
    pub languages: Vec<(&'static str, Vec<String>)>,
}

/// Reads the message files.
///
/// # Errors
///
/// A message file cannot be read or parsed, the languages differ, or a message cannot be written as one line.
pub fn read(locales: &Path) -> Result<Tables, Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    for tag in LANGUAGES {
        let path = locales.join(format!("{tag}.ftl"));
        let source = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((tag, parse(&source).map_err(|error| format!("{}: {error}", path.display()))?));
    }
    let signatures: Vec<Signature> = match files.first() {
        Some((_, english)) => {
            english.iter().map(|(name, parts)| (name.clone(), variables(parts).into_iter().collect())).collect()
        }
        None => Vec::new(),
    };
    let table = |(tag, messages): (&'static str, Messages)| {
        let texts = table(&signatures, &messages).map_err(|error| format!("{tag}.ftl: {error}"))?;
        Ok::<_, String>((tag, texts))
    };
    let languages = files.into_iter().map(table).collect::<Result<_, _>>()?;
    Ok(Tables { signatures, languages })
}

fn table(signatures: &[Signature], messages: &Messages) -> Result<Vec<String>, String> {
    let is_known = |name: &&String| !signatures.iter().any(|(known, _)| known == *name);
    if let Some(extra) = messages.keys().find(is_known) {
        return Err(format!("{extra} is not in English"));
    }
    let text = |(name, arguments): &Signature| {
        let parts = messages.get(name).ok_or_else(|| format!("{name} is missing"))?;
        if variables(parts).iter().ne(arguments) {
            return Err(format!("{name} has other variables than in English"));
        }
        let mut text = String::new();
        write(&mut text, parts, arguments, true).map_err(|error| format!("{name}: {error}"))?;
        Ok(text)
    };
    signatures.iter().map(text).collect()
}

fn write(text: &mut String, parts: &[Part], arguments: &[String], may_select: bool) -> Result<(), String> {
    let number = |variable: &String| {
        let index = arguments.iter().position(|argument| argument == variable).unwrap_or_default();
        u8::try_from(index).map(|index| char::from(b'0' + index)).map_err(|_| "too many arguments".to_owned())
    };
    for part in parts {
        match part {
            Part::Text(plain) if plain.contains(char::is_control) => return Err("more than one line".to_owned()),
            Part::Text(plain) => text.push_str(plain),
            Part::Variable(name) => text.extend(['\u{1}', number(name)?]),
            Part::Select { .. } if !may_select => return Err("a selection in a selection".to_owned()),
            Part::Select { number: name, cases, other } => {
                text.extend(['\u{2}', number(name)?]);
                // A language that does not tell them apart writes the same text twice.
                for (key, parts) in cases.iter().filter(|(_, parts)| parts != other) {
                    text.push_str(key);
                    text.push('\u{4}');
                    write(text, parts, arguments, false)?;
                    text.push('\u{3}');
                }
                write(text, other, arguments, false)?;
                text.push('\u{5}');
            }
        }
    }
    Ok(())
}

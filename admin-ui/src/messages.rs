//! Message files: the part of Fluent that the console uses.
//!
//! A message is text with variables, and selections on whole numbers. A variable named `n` or `n-…` is a whole number,
//! which the text shows in the digits of the language; every other variable is text. Terms, attributes and functions
//! are refused: the browser receives texts with places to fill in, and no interpreter of Fluent.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, PatternElement, VariantKey};
use fluent_syntax::parser;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// A variable.
    Variable(String),
    /// One of several, by a whole number.
    Select {
        /// The number.
        number: String,
        /// Category of plurals (`one`) or number, and what is shown for it.
        cases: Vec<(String, Vec<Part>)>,
        /// What is shown otherwise.
        other: Vec<Part>,
    },
}

/// The messages of one language, by name.
pub type Messages = BTreeMap<String, Vec<Part>>;

/// Parses a message file.
///
/// # Errors
///
/// The syntax, a message that is defined twice, or a part of Fluent that is not used here.
pub fn parse(source: &str) -> Result<Messages, String> {
    let resource = parser::parse(source).map_err(|(_, errors)| format!("{errors:?}"))?;
    let mut messages = Messages::new();
    for entry in resource.body {
        match entry {
            Entry::Message(message) => {
                let name = message.id.name.to_owned();
                let value = message.value.ok_or_else(|| format!("{name} has no text"))?;
                if !message.attributes.is_empty() {
                    return Err(format!("{name} has attributes, which are not used here"));
                }
                let parts = parts(&value.elements).map_err(|error| format!("{name}: {error}"))?;
                if messages.insert(name.clone(), parts).is_some() {
                    return Err(format!("{name} is defined twice"));
                }
            }
            Entry::Term(term) => return Err(format!("{} is a term, which is not used here", term.id.name)),
            Entry::Junk { content } => return Err(format!("cannot parse {content:?}")),
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
        }
    }
    Ok(messages)
}

fn parts(elements: &[PatternElement<&str>]) -> Result<Vec<Part>, String> {
    elements
        .iter()
        .map(|element| match element {
            PatternElement::TextElement { value } => Ok(Part::Text((*value).to_owned())),
            PatternElement::Placeable { expression: Expression::Inline(inline) } => match inline {
                InlineExpression::VariableReference { id } => Ok(Part::Variable(id.name.to_owned())),
                InlineExpression::StringLiteral { value } => Ok(Part::Text((*value).to_owned())),
                other @ (InlineExpression::NumberLiteral { .. }
                | InlineExpression::FunctionReference { .. }
                | InlineExpression::MessageReference { .. }
                | InlineExpression::TermReference { .. }
                | InlineExpression::Placeable { .. }) => Err(format!("{other:?} is not used here")),
            },
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                let InlineExpression::VariableReference { id } = selector else {
                    return Err("only a variable selects".to_owned());
                };
                if !is_number(id.name) {
                    return Err(format!("${} selects, but is not a whole number by its name", id.name));
                }
                let mut cases = Vec::new();
                let mut other = None;
                for variant in variants {
                    let shown = parts(&variant.value.elements)?;
                    let key = match &variant.key {
                        VariantKey::Identifier { name } => *name,
                        VariantKey::NumberLiteral { value } => *value,
                    };
                    if variant.default {
                        other = Some(shown);
                    } else {
                        cases.push((key.to_owned(), shown));
                    }
                }
                let other = other.ok_or("a selection without default")?;
                Ok(Part::Select { number: id.name.to_owned(), cases, other })
            }
        })
        .collect()
}

/// Returns true if a variable of this name is a whole number.
pub fn is_number(variable: &str) -> bool {
    variable == "n" || variable.starts_with("n-")
}

/// The variables of a message.
pub fn variables(parts: &[Part]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Variable(name) => {
                found.insert(name.clone());
            }
            Part::Select { number, cases, other } => {
                found.insert(number.clone());
                for (_, parts) in cases {
                    found.extend(variables(parts));
                }
                found.extend(variables(other));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALES: [(&str, &str); 4] = [
        ("en", include_str!("../locales/en.ftl")),
        ("de", include_str!("../locales/de.ftl")),
        ("es", include_str!("../locales/es.ftl")),
        ("fa", include_str!("../locales/fa.ftl")),
    ];

    #[test]
    fn all_languages_have_the_same_messages_and_variables() {
        let signatures = LOCALES.map(|(lang, source)| {
            let messages = parse(source).unwrap_or_else(|error| panic!("{lang}: {error}"));
            let signature: BTreeMap<String, BTreeSet<String>> =
                messages.into_iter().map(|(name, parts)| (name, variables(&parts))).collect();
            (lang, signature)
        });
        let (_, english) = &signatures[0];
        assert!(english.len() > 200, "{} messages", english.len());
        for (lang, signature) in &signatures[1..] {
            assert_eq!(signature, english, "{lang}");
        }
    }

    #[test]
    fn a_translation_is_not_a_copy_of_english() {
        let [(_, english), others @ ..] = LOCALES;
        let english = parse(english).unwrap();
        for (lang, source) in others {
            let messages = parse(source).unwrap();
            let same = messages.iter().filter(|(name, parts)| english.get(*name) == Some(*parts)).count();
            assert!(same * 6 < english.len(), "{lang}: {same} messages are as in English");
        }
    }

    #[test]
    fn what_is_not_used_here_is_refused() {
        let refused =
            ["a = { NUMBER($n) }", "-brand = Tornado", "a = A\n    .title = B", "a = { $x ->\n   *[other] b\n}", "?"];
        for source in refused {
            assert!(parse(source).is_err(), "{source}");
        }
        assert!(parse("a = A\na = B").unwrap_err().contains("twice"));
    }
}

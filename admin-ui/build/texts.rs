//! One method of `Texts` for each message.

use crate::messages::{Messages, Part, is_number, parse, variables};
use std::fmt::Write;
use std::path::Path;

/// File name and variant of `Lang`. English comes first and decides which messages exist.
const LANGUAGES: &[(&str, &str)] = &[("en", "En"), ("de", "De"), ("es", "Es"), ("fa", "Fa")];

/// Writes the methods.
///
/// # Errors
///
/// A message file cannot be read or parsed, or the languages differ.
pub fn generate(locales: &Path, target: &Path) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=locales");
    let mut languages = Vec::new();
    for (file, variant) in LANGUAGES {
        let path = locales.join(format!("{file}.ftl"));
        let source = std::fs::read_to_string(&path)?;
        let messages = parse(&source).map_err(|error| format!("{}: {error}", path.display()))?;
        languages.push((*file, *variant, messages));
    }
    let Some((_, _, english)) = languages.first() else { return Ok(()) };
    let mut code = String::from("impl Texts {\n");
    for (name, parts) in english {
        let arguments = variables(parts);
        for (file, _, messages) in &languages {
            let other = messages.get(name).ok_or_else(|| format!("{file}.ftl has no {name}"))?;
            if variables(other) != arguments {
                return Err(format!("{file}.ftl: {name} has other variables than in English").into());
            }
        }
        method(&mut code, name, &arguments.into_iter().collect::<Vec<_>>(), &languages)?;
    }
    for (file, _, messages) in &languages {
        if let Some(extra) = messages.keys().find(|name| !english.contains_key(*name)) {
            return Err(format!("{file}.ftl: {extra} is not in English").into());
        }
    }
    code.push_str("}\n");
    Ok(std::fs::write(target, code)?)
}

fn method(
    code: &mut String,
    name: &str,
    arguments: &[String],
    languages: &[(&str, &str, Messages)],
) -> Result<(), std::fmt::Error> {
    let identifier = name.replace('-', "_");
    writeln!(code, "    #[doc = \"The message `{name}`.\"]")?;
    if arguments.is_empty() {
        writeln!(code, "    pub fn {identifier}(self) -> &'static str {{\n        match self.lang {{")?;
        for (_, variant, messages) in languages {
            let text: String = messages[name]
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.as_str(),
                    Part::Variable(_) | Part::Select { .. } => "",
                })
                .collect();
            writeln!(code, "            Lang::{variant} => {text:?},")?;
        }
        return writeln!(code, "        }}\n    }}");
    }
    let parameters: String = arguments
        .iter()
        .map(|argument| {
            let kind = if is_number(argument) { "u64" } else { "&str" };
            format!(", {}: {kind}", argument.replace('-', "_"))
        })
        .collect();
    writeln!(code, "    pub fn {identifier}(self{parameters}) -> String {{")?;
    writeln!(code, "        let mut out = String::new();\n        match self.lang {{")?;
    for (_, variant, messages) in languages {
        write!(code, "            Lang::{variant} => {{ ")?;
        statements(code, &messages[name])?;
        writeln!(code, "}}")?;
    }
    writeln!(code, "        }}\n        out\n    }}")
}

fn statements(code: &mut String, parts: &[Part]) -> std::fmt::Result {
    for part in parts {
        match part {
            Part::Text(text) => match (text.chars().next(), text.chars().nth(1)) {
                (Some(only), None) => write!(code, "out.push({only:?}); ")?,
                _ => write!(code, "out.push_str({text:?}); ")?,
            },
            Part::Variable(name) if is_number(name) => {
                write!(code, "out.push_str(&self.number({})); ", name.replace('-', "_"))?;
            }
            Part::Variable(name) => write!(code, "out.push_str({}); ", name.replace('-', "_"))?,
            Part::Select { number, cases, other } => {
                let number = number.replace('-', "_");
                // A language that does not tell them apart writes the same text twice.
                for (key, parts) in cases.iter().filter(|(_, parts)| parts != other) {
                    if key.parse::<u64>().is_ok() {
                        write!(code, "if {number} == {key} {{ ")?;
                    } else {
                        write!(code, "if plural(self.lang, {number}) == {key:?} {{ ")?;
                    }
                    statements(code, parts)?;
                    write!(code, "}} else ")?;
                }
                write!(code, "{{ ")?;
                statements(code, other)?;
                write!(code, "}} ")?;
            }
        }
    }
    Ok(())
}

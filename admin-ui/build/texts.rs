//! One method of `Texts` for each message, and the tables of the server. The browser loads the table of its language.

use crate::messages::is_number;
use crate::table::{self, Signature, Tables};
use std::fmt::Write;
use std::path::Path;

/// Writes the methods, and with `has_tables` the texts of all languages.
///
/// # Errors
///
/// See [`table::read`].
pub fn generate(locales: &Path, target: &Path, has_tables: bool) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=locales");
    let Tables { signatures, languages } = table::read(locales)?;
    let mut code = String::from("impl Texts {\n");
    for (index, signature) in signatures.iter().enumerate() {
        method(&mut code, index, signature)?;
    }
    code.push_str("}\n");
    if has_tables {
        writeln!(code, "\nstatic TABLES: [[&str; {}]; {}] = [", signatures.len(), languages.len())?;
        for (_, texts) in languages {
            writeln!(code, "    {texts:?},")?;
        }
        code.push_str("];\n");
    }
    Ok(std::fs::write(target, code)?)
}

fn method(code: &mut String, index: usize, (name, arguments): &Signature) -> std::fmt::Result {
    let identifier = name.replace('-', "_");
    writeln!(code, "    #[doc = \"The message `{name}`.\"]")?;
    if arguments.is_empty() {
        return writeln!(code, "    pub fn {identifier}(self) -> &'static str {{ self.text({index}) }}");
    }
    write!(code, "    pub fn {identifier}(self")?;
    for argument in arguments {
        let kind = if is_number(argument) { "u64" } else { "&str" };
        write!(code, ", {}: {kind}", argument.replace('-', "_"))?;
    }
    write!(code, ") -> String {{ self.filled({index}, &[")?;
    for argument in arguments {
        let kind = if is_number(argument) { "Number" } else { "Text" };
        write!(code, "Argument::{kind}({}), ", argument.replace('-', "_"))?;
    }
    writeln!(code, "]) }}")
}

//! Compares programs that the sources call with the table of packages, because a program that is not in the table is
//! missing on a fresh machine.
//!
//! Recognised are `Command::new("x")`, `command("x")`, `exec(&["x", …])` and similar calls, and shell scripts in them
//! or in calls of [`SHELLS`]. Names that are composed at run time are not recognised.

use crate::machine::programs;
use proc_macro2::{TokenStream, TokenTree};
use syn::Lit;

/// Functions whose first argument is a program; `Command::new` counts as `command`.
const RUNNERS: &[&str] = &["command"];
/// Functions that take a list of words, of which the first is a program.
const LISTS: &[&str] = &["exec", "try_exec"];
/// Functions that take a script.
const SHELLS: &[&str] = &["sh", "ok", "found_after", "changed"];
/// Shell keywords that are followed by a program.
const BEFORE: &[&str] = &["!", "do", "elif", "else", "exec", "if", "then", "until", "while"];
/// Shell words that are not external programs.
const BUILTINS: &[&str] = &[
    "[", ":", "break", "case", "cd", "command", "continue", "done", "echo", "esac", "exit", "export", "fi", "for",
    "in", "kill", "printf", "read", "return", "set", "shift", "test", "trap", "true", "umask", "unset", "wait",
];

/// Returns one line for each call of a program that is not in the table.
pub fn unknown(path: &str, text: &str) -> Vec<String> {
    let line_of = |program: &str| text.lines().position(|line| line.contains(program)).map_or(1, |index| index + 1);
    let unknown = calls(text).into_iter().filter(|program| !is_known(program));
    let line =
        |program: String| format!("{path}:{}: '{program}' is not in xtask/src/machine/programs.rs", line_of(&program));
    unknown.map(line).collect()
}

/// Programs of this tree and composed names do not belong to the system.
fn is_known(program: &str) -> bool {
    let is_own = program.starts_with("tornado") || program.starts_with("/proc/self/");
    let is_name = program.len() > 1 && program.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c));
    is_own || !is_name || programs::knows(program)
}

/// An open bracket: the name before it, and its content so far.
struct Open {
    name: String,
    texts: Vec<String>,
    /// Only string literals so far.
    is_first: bool,
}

/// The programs that a Rust source calls.
fn calls(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    // The compiler reports a source that is not Rust.
    walk(source.parse().unwrap_or_default(), &mut Vec::new(), &mut found);
    found
}

fn walk(tokens: TokenStream, open: &mut Vec<Open>, found: &mut Vec<String>) {
    let (mut before, mut name) = (String::new(), String::new());
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                later(open);
                if !name.is_empty() {
                    before.clear();
                }
                name = word.to_string();
            }
            TokenTree::Group(group) => {
                // Other types have a function `new` as well; only that of `Command` takes a program.
                let called = std::mem::take(&mut name);
                let name = if called == "new" && before == "Command" { "command".to_owned() } else { called };
                if name != "format" && !name.is_empty() {
                    later(open);
                }
                open.push(Open { name, texts: Vec::new(), is_first: true });
                walk(group.stream(), open, found);
                open.pop();
            }
            TokenTree::Punct(mark) => match mark.as_char() {
                ',' => {
                    later(open);
                    name.clear();
                }
                // `&`, and `!` of macros.
                '!' | '&' => {}
                ':' if name.is_empty() => {}
                ':' => before = std::mem::take(&mut name),
                _ => name.clear(),
            },
            TokenTree::Literal(literal) => {
                let Lit::Str(text) = Lit::new(literal) else {
                    later(open);
                    continue;
                };
                found.extend(programs_in(open, &text.value()));
                if let Some(last) = open.last_mut() {
                    last.texts.push(text.value());
                }
            }
        }
    }
}

/// The next item in the innermost bracket is not its first.
fn later(open: &mut [Open]) {
    if let Some(last) = open.last_mut() {
        last.is_first = false;
    }
}

fn programs_in(open: &[Open], text: &str) -> Vec<String> {
    let mut around = open.iter().rev().skip_while(|bracket| bracket.name == "format");
    let Some(inner) = around.next() else { return Vec::new() };
    let outer = around.next().map_or("", |bracket| bracket.name.as_str());
    let is_list = inner.name.is_empty() && LISTS.contains(&outer);
    let is_first = inner.is_first;
    if is_list && !is_first {
        let is_shell = inner.texts.first().is_some_and(|program| program == "sh");
        return if is_shell && !text.starts_with('-') { of_script(text) } else { Vec::new() };
    }
    if is_first && (is_list || RUNNERS.contains(&inner.name.as_str())) {
        return vec![text.to_owned()];
    }
    if SHELLS.contains(&inner.name.as_str()) && text.contains(' ') { of_script(text) } else { Vec::new() }
}

/// The words of a script at positions where a program is expected.
fn of_script(script: &str) -> Vec<String> {
    // The text after `<<` is not part of the script.
    let script = script.split("<<").next().unwrap_or_default();
    let script = without_quoted(&script.replace("\\\n", " "));
    let mut programs = Vec::new();
    for part in script.split(['\n', ';', '|', '&', '(', '`']) {
        let mut words = part.split_whitespace().map(|word| word.trim_matches([')', '{', '}']));
        let program = words.find(|word| !word.is_empty() && !word.contains('=') && !BEFORE.contains(word));
        let is_program = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase() || c == '/');
        if let Some(program) = program.filter(is_program).filter(|word| !BUILTINS.contains(word)) {
            programs.push(program.to_owned());
        }
    }
    programs
}

/// Replaces quoted text, which is an argument.
fn without_quoted(script: &str) -> String {
    let (mut rest, mut quote) = (String::with_capacity(script.len()), None);
    for c in script.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                rest.push('-');
            }
            None => rest.push(c),
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_they_are_called() {
        assert_eq!(calls(r#"Command::new("arping").arg("-c")"#), ["arping"]);
        assert_eq!(calls(r#"shell::command("gzip", &["-9"])"#), ["gzip"]);
        assert_eq!(calls("host.exec(&[\"dig\", \"a\"])"), ["dig"]);
        assert_eq!(calls("host.try_exec(\n    &[\"sh\", \"-c\", \"a=1 zip x && jq y\"], t)"), ["sh", "zip", "jq"]);
        assert_eq!(calls(r#"ns.ok(&format!("ping -c1 {to}"))"#), ["ping"]);
        assert_eq!(
            calls(r#"sh(&host, "nft add chain x '{ policy drop; }'; if ! ss -t; then echo dig; fi")"#),
            ["nft", "ss"]
        );
        assert_eq!(calls(r##"sh(r#"foo "b" | bar $(baz)"#)"##), ["foo", "bar", "baz"]);
    }

    #[test]
    fn other_texts_are_none() {
        let source =
            "// Command::new(\"x\")\nlet a: &'a str = \"dig\"; let b = '\"'; let c = '\\\\'; panic!(\"arping\")";
        assert!(calls(source).is_empty(), "{:?}", calls(source));
        assert_eq!(calls(r#"host.exec(&["nft", "sh", "-c"])"#), ["nft"]);
    }

    #[test]
    fn a_program_without_a_package_is_a_finding_with_its_line() {
        let found = unknown("a.rs", "fn a() {\n    Command::new(\"arping\");\n    Command::new(\"nft\");\n}\n");
        assert_eq!(found, ["a.rs:2: 'arping' is not in xtask/src/machine/programs.rs"]);
    }
}

//! Compares programs that the sources call with the table of packages, because a program that is not in the table is
//! missing on a fresh machine.
//!
//! Recognised are `Command::new("x")`, `command("x")`, `exec(&["x", …])` and similar calls, and shell scripts in them
//! or in calls of [`SHELLS`]. Names that are composed at run time are not recognised.

use crate::machine::programs;

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
    let calls = calls(text).into_iter().filter(|call| !is_known(&call.program));
    let line = |call: Call| format!("{path}:{}: '{}' is not in xtask/src/machine/programs.rs", call.line, call.program);
    calls.map(line).collect()
}

/// Programs of this tree and composed names do not belong to the system.
fn is_known(program: &str) -> bool {
    let is_own = program.starts_with("tornado") || program.starts_with("/proc/self/");
    let is_name = program.len() > 1 && program.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c));
    is_own || !is_name || programs::knows(program)
}

struct Call {
    program: String,
    line: usize,
}

/// An open bracket: the name before it, and its content so far.
struct Open {
    name: String,
    texts: Vec<String>,
    /// Only string literals so far.
    is_first: bool,
}

fn calls(source: &str) -> Vec<Call> {
    let (mut found, mut open): (Vec<Call>, Vec<Open>) = (Vec::new(), Vec::new());
    let (mut before, mut name) = (String::new(), String::new());
    for (line, token) in tokens(source) {
        match token {
            Token::Word(word) => {
                later(&mut open);
                if !name.is_empty() {
                    before.clear();
                }
                name = word;
            }
            Token::Mark('(' | '[' | '{') => {
                // Other types have a function `new` as well; only that of `Command` takes a program.
                let is_command = name == "new" && before == "Command";
                let name = if is_command { "command".to_owned() } else { std::mem::take(&mut name) };
                if name != "format" && !name.is_empty() {
                    later(&mut open);
                }
                open.push(Open { name, texts: Vec::new(), is_first: true });
            }
            Token::Mark(')' | ']' | '}') => {
                open.pop();
                name.clear();
            }
            Token::Mark(',') => {
                later(&mut open);
                name.clear();
            }
            // `&`, and `!` of macros.
            Token::Mark('!' | '&') => {}
            Token::Mark(':') if name.is_empty() => {}
            Token::Mark(':') => before = std::mem::take(&mut name),
            Token::Mark(_) => name.clear(),
            Token::Text(text) => {
                found.extend(programs_in(&open, &text).into_iter().map(|program| Call { program, line }));
                if let Some(last) = open.last_mut() {
                    last.texts.push(text);
                }
            }
        }
    }
    found
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

enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// The words, string literals and punctuation of a Rust source with their lines. Comments and numbers are skipped.
fn tokens(source: &str) -> Vec<(usize, Token)> {
    let (mut tokens, mut line, mut rest) = (Vec::new(), 1, source);
    while let Some(c) = rest.chars().next() {
        let (taken, token) = token_at(rest, c);
        if let Some(token) = token {
            tokens.push((line, token));
        }
        let (passed, after) = rest.split_at(taken);
        line += passed.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length and the kind of the token at this position.
fn token_at(rest: &str, c: char) -> (usize, Option<Token>) {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (until("*/", 2), None);
    }
    let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').map(|raw| raw.trim_start_matches('#'));
    if let Some(raw) = raw.filter(|raw| raw.starts_with('"') && !rest.starts_with('"')) {
        let head = rest.len() - raw.len();
        let hashes = rest[..head].matches('#').count();
        let end = until(&format!("\"{}", "#".repeat(hashes)), head + 1);
        let text = rest.get(head + 1..end.saturating_sub(1 + hashes)).unwrap_or_default();
        return (end, Some(Token::Text(text.to_owned())));
    }
    if c == '"' {
        return text_at(rest);
    }
    if c == '\'' {
        return (char_len(rest), None);
    }
    if is_word(c) {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        return (length, Some(Token::Word(rest[..length].to_owned())));
    }
    (c.len_utf8(), (!c.is_whitespace()).then_some(Token::Mark(c)))
}

fn text_at(rest: &str) -> (usize, Option<Token>) {
    let (mut text, mut escaped) = (String::new(), false);
    for (at, c) in rest.char_indices().skip(1) {
        match (escaped, c) {
            (false, '"') => return (at + 1, Some(Token::Text(text))),
            (false, '\\') => escaped = true,
            (true, 'n') => {
                text.push('\n');
                escaped = false;
            }
            // A line continuation and the indentation that follows.
            (true, '\n') => {}
            (true, c) if c.is_whitespace() => {}
            (_, c) => {
                text.push(c);
                escaped = false;
            }
        }
    }
    (rest.len(), None)
}

/// The length of a character literal, or of the quote of a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |at| at + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(source: &str) -> Vec<String> {
        calls(source).into_iter().map(|call| call.program).collect()
    }

    #[test]
    fn programs_are_found_where_they_are_called() {
        assert_eq!(called(r#"Command::new("arping").arg("-c")"#), ["arping"]);
        assert_eq!(called(r#"shell::command("gzip", &["-9"])"#), ["gzip"]);
        assert_eq!(called("host.exec(&[\"dig\", \"a\"])"), ["dig"]);
        assert_eq!(called("host.try_exec(\n    &[\"sh\", \"-c\", \"a=1 zip x && jq y\"], t)"), ["sh", "zip", "jq"]);
        assert_eq!(called(r#"ns.ok(&format!("ping -c1 {to}"))"#), ["ping"]);
        assert_eq!(
            called(r#"sh(&host, "nft add chain x '{ policy drop; }'; if ! ss -t; then echo dig; fi")"#),
            ["nft", "ss"]
        );
        assert_eq!(called(r##"sh(r#"foo "b" | bar $(baz)"#)"##), ["foo", "bar", "baz"]);
    }

    #[test]
    fn other_texts_are_none() {
        let source =
            "// Command::new(\"x\")\nlet a: &'a str = \"dig\"; let b = '\"'; let c = '\\\\'; panic!(\"arping\")";
        assert!(called(source).is_empty(), "{:?}", called(source));
        assert_eq!(called(r#"host.exec(&["nft", "sh", "-c"])"#), ["nft"]);
    }

    #[test]
    fn a_program_without_a_package_is_a_finding_with_its_line() {
        let found = unknown("a.rs", "fn a() {\n    Command::new(\"arping\");\n    Command::new(\"nft\");\n}\n");
        assert_eq!(found, ["a.rs:2: 'arping' is not in xtask/src/machine/programs.rs"]);
    }
}

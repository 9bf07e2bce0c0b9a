//! The parser: recursive descent over characters.

use super::expr::{Comparison, Expr, FieldTest, MAX_DEPTH, MAX_TERMS, MAX_TEXT, Pattern, Phrase, QueryError};
use tornado_log::line::{Level, ProcessId, is_field, is_request_id, is_service, is_target};

/// Parses a query. An empty text matches every line.
///
/// # Errors
/// When the text is not a query, or exceeds a limit.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    if text.len() > MAX_TEXT {
        return Err(QueryError { at: 0, reason: format!("the query is longer than {MAX_TEXT} bytes") });
    }
    let chars: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut parser = Parser { chars, at: 0, terms: 0 };
    parser.skip_space();
    if parser.is_end() {
        return Ok(Expr::ALL);
    }
    let expr = parser.alternatives(0)?;
    if !parser.is_end() {
        return parser.fail("unexpected ')'");
    }
    Ok(expr)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    terms: usize,
}

/// Characters that compare a filter with its value.
const fn is_operator(c: char) -> bool {
    matches!(c, ':' | '=' | '<' | '>')
}

impl Parser {
    fn fail<T>(&self, reason: &str) -> Result<T, QueryError> {
        Err(QueryError { at: self.at, reason: reason.to_owned() })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    const fn is_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Consumes a keyword, which ends before a space, a parenthesis or a quote.
    fn keyword(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let is_here = self.chars.get(self.at..end).is_some_and(|chars| chars.iter().copied().eq(word.chars()));
        let ends = self.chars.get(end).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        if is_here && ends {
            self.at = end;
            self.skip_space();
        }
        is_here && ends
    }

    fn alternatives(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Expr::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.negated(depth)?];
        loop {
            let is_required = self.keyword("AND");
            let is_over = matches!(self.peek(), None | Some(')')) || self.is_at("OR");
            if is_over && !is_required {
                return Ok(one_or(parts, Expr::And));
            }
            parts.push(self.negated(depth)?);
        }
    }

    fn is_at(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_at = self.keyword(word);
        self.at = before;
        is_at
    }

    fn negated(&mut self, depth: usize) -> Result<Expr, QueryError> {
        if depth >= MAX_DEPTH {
            return self.fail("the query is nested too deeply");
        }
        if self.keyword("NOT") {
            return Ok(Expr::Not(Box::new(self.negated(depth + 1)?)));
        }
        if self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| !c.is_whitespace() && *c != '-') {
            self.at += 1;
            return Ok(Expr::Not(Box::new(self.negated(depth + 1)?)));
        }
        if self.peek() == Some('(') {
            self.at += 1;
            self.skip_space();
            let expr = self.alternatives(depth + 1)?;
            if self.peek() != Some(')') {
                return self.fail("')' is missing");
            }
            self.at += 1;
            self.skip_space();
            return Ok(expr);
        }
        self.term()
    }

    fn term(&mut self) -> Result<Expr, QueryError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return self.fail("the query has too many terms");
        }
        if self.is_at("AND") || self.is_at("OR") {
            return self.fail("a term is missing");
        }
        let begin = self.at;
        let expr = match self.filter_name() {
            Some(name) => self.filter(&name)?,
            None => {
                let (text, is_prefix) = self.value()?;
                if !text.contains(char::is_alphanumeric) {
                    self.at = begin;
                    return self.fail("a term without a letter or a digit");
                }
                Expr::Text(Phrase { text, is_prefix })
            }
        };
        self.skip_space();
        Ok(expr)
    }

    /// Consumes the name of a filter if an operator follows.
    fn filter_name(&mut self) -> Option<String> {
        let rest = self.chars.get(self.at..)?;
        let length = rest.iter().position(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))?;
        let name: String = rest.iter().take(length).collect();
        let is_known = matches!(name.as_str(), "level" | "service" | "target" | "request" | "process")
            || name.starts_with("field.");
        if !is_known || !rest.get(length).copied().is_some_and(is_operator) {
            return None;
        }
        self.at += length;
        Some(name)
    }

    fn operator(&mut self) -> String {
        let mut operator = String::new();
        while let Some(c) = self.peek().filter(|c| is_operator(*c) && operator.len() < 2) {
            operator.push(c);
            self.at += 1;
        }
        operator
    }

    /// A quoted or bare value, and whether `*` follows.
    fn value(&mut self) -> Result<(String, bool), QueryError> {
        if self.peek() == Some('"') {
            let begin = self.at + 1;
            let inner = self.chars.get(begin..).unwrap_or_default();
            let Some(length) = inner.iter().position(|c| *c == '"') else { return self.fail("'\"' is missing") };
            let text = inner.iter().take(length).collect();
            self.at = begin + length + 1;
            let is_prefix = self.peek() == Some('*');
            self.at += usize::from(is_prefix);
            return Ok((text, is_prefix));
        }
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let is_end = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let mut text: String = rest.iter().take(length).collect();
        if text.is_empty() {
            return self.fail("a term is missing");
        }
        self.at += length;
        let is_prefix = text.ends_with('*');
        text.truncate(text.trim_end_matches('*').len());
        Ok((text, is_prefix))
    }

    fn filter(&mut self, name: &str) -> Result<Expr, QueryError> {
        let operator = self.operator();
        let begin = self.at;
        let (text, is_prefix) = self.value()?;
        let is_equal = matches!(operator.as_str(), ":" | "=");
        let parsed = match name {
            "level" => level(&text).and_then(|level| match operator.as_str() {
                ">=" => Some(Expr::AtLeast(level)),
                _ => is_equal.then_some(Expr::Level(level)),
            }),
            "service" => (is_equal && is_service(&text)).then_some(Expr::Service(text)),
            "target" => (is_equal && is_target(&text)).then_some(Expr::Target(Pattern { text, is_prefix })),
            "request" => (is_equal && is_request_id(&text)).then_some(Expr::Request(text)),
            "process" => ProcessId::parse(&text).filter(|_| is_equal).map(Expr::Process),
            _ => field(name, &operator, text),
        };
        match parsed {
            Some(expr) if !is_prefix || name == "target" => Ok(expr),
            Some(_) | None => {
                self.at = begin;
                self.fail(&format!("'{name}{operator}' does not accept this value"))
            }
        }
    }
}

/// The single part itself, else all parts combined.
fn one_or(mut parts: Vec<Expr>, combine: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            combine(parts)
        }
    }
}

fn level(text: &str) -> Option<Level> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Some(Level::Error),
        "warn" | "warning" => Some(Level::Warn),
        "info" => Some(Level::Info),
        "debug" => Some(Level::Debug),
        "trace" => Some(Level::Trace),
        _ => None,
    }
}

fn field(name: &str, operator: &str, text: String) -> Option<Expr> {
    let name = name.strip_prefix("field.").filter(|name| is_field(name))?.to_owned();
    let comparison = match operator {
        ":" | "=" => return Some(Expr::Field { name, test: FieldTest::Is(text) }),
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    };
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(Expr::Field { name, test: FieldTest::Compare(comparison, number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Expr {
        Expr::Text(Phrase { text: text.into(), is_prefix: false })
    }

    fn not(expr: Expr) -> Expr {
        Expr::Not(Box::new(expr))
    }

    #[test]
    fn the_language_is_as_documented() {
        for (query, expected) in [
            ("", Expr::ALL),
            ("  \t", Expr::ALL),
            ("timeout", text("timeout")),
            ("time*", Expr::Text(Phrase { text: "time".into(), is_prefix: true })),
            ("\"no (free) address\"*", Expr::Text(Phrase { text: "no (free) address".into(), is_prefix: true })),
            ("a b", Expr::And(vec![text("a"), text("b")])),
            ("a AND b OR c", Expr::Or(vec![Expr::And(vec![text("a"), text("b")]), text("c")])),
            ("(a OR b) c", Expr::And(vec![Expr::Or(vec![text("a"), text("b")]), text("c")])),
            ("NOT a -b", Expr::And(vec![not(text("a")), not(text("b"))])),
            ("and or not", Expr::And(vec![text("and"), text("or"), text("not")])),
            ("level>=warn", Expr::AtLeast(Level::Warn)),
            ("level:INFO", Expr::Level(Level::Info)),
            ("-service:client-api", not(Expr::Service("client-api".into()))),
            ("target:tornado_wg::*", Expr::Target(Pattern { text: "tornado_wg::".into(), is_prefix: true })),
            ("tornado_wg::peers", text("tornado_wg::peers")),
            ("192.0.2.7:51820", text("192.0.2.7:51820")),
            ("request=r-1", Expr::Request("r-1".into())),
            ("process:00000000000000ab", Expr::Process(ProcessId(0xab))),
            (
                "field.lane:\"the tor lane\"",
                Expr::Field { name: "lane".into(), test: FieldTest::Is("the tor lane".into()) },
            ),
            (
                "field.count>=-3.5",
                Expr::Field { name: "count".into(), test: FieldTest::Compare(Comparison::GreaterOrEqual, -3.5) },
            ),
        ] {
            assert_eq!(parse(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn a_wrong_query_is_rejected_with_its_position() {
        for (query, at) in [
            ("a AND", 5),
            ("OR a", 0),
            ("a OR OR b", 5),
            ("(a", 2),
            ("a)", 1),
            ("\"a", 0),
            ("---", 0),
            ("a ;", 2),
            ("level:loud", 6),
            ("level<warn", 6),
            ("service:../etc", 8),
            ("service:a*", 8),
            ("request:a'b", 8),
            ("process:1", 8),
            ("field.:a", 7),
            ("field.a>x", 8),
            ("field.a>nan", 8),
            ("level:", 6),
            ("NOT", 3),
        ] {
            assert_eq!(parse(query).map_err(|error| error.at), Err(at), "{query}");
        }
        assert!(parse(&"(".repeat(500)).is_err());
        assert!(parse(&"-a".repeat(500)).is_ok_and(|expr| matches!(expr, Expr::Not(_))), "one word with hyphens");
        assert!(parse(&"NOT ".repeat(200)).is_err());
        assert!(parse(&"a ".repeat(MAX_TERMS)).is_ok());
        assert!(parse(&"a ".repeat(MAX_TERMS + 1)).is_err());
        assert!(parse(&"a".repeat(MAX_TEXT + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(query in "\\PC{0,80}") {
            let _ = parse(&query);
        }

        #[test]
        fn any_sequence_of_tokens_is_parsed_or_rejected(
            tokens in prop::collection::vec(prop::sample::select(vec!["(", ")", "OR", "AND", "NOT ", "-", "\"", "*", "a", " ", "level:", ">=", "warn", "field.x", "=", "'", ";"]), 0..40)
        ) {
            if let Err(error) = parse(&tokens.concat()) {
                prop_assert!(error.at <= tokens.concat().chars().count());
            }
        }
    }
}

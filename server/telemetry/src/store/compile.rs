//! Turns an expression into SQL on one day file. The SQL consists of constant pieces; every value is bound.

use crate::query::{Comparison, Expr, FieldTest, Phrase};

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind {
    /// A whole number.
    Int(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
}

/// A condition with its values in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Source of rows, with `l` for the table `lines`.
    pub from: &'static str,
    /// The column of positions.
    pub id: &'static str,
    /// The condition.
    pub sql: String,
    /// Values of the placeholders.
    pub binds: Vec<Bind>,
}

/// Compiles a query whose full-text part selects the rows, if it has one that every match must satisfy.
#[must_use]
pub fn compile(expr: &Expr) -> Condition {
    let parts = if let Expr::And(parts) = expr { parts.as_slice() } else { std::slice::from_ref(expr) };
    let (texts, others): (Vec<&Expr>, Vec<&Expr>) = parts.iter().partition(|part| is_text(part));
    let (excluded, others): (Vec<&Expr>, Vec<&Expr>) =
        others.into_iter().partition(|part| matches!(part, Expr::Not(inner) if is_text(inner)));
    let of_fields = others.iter().filter_map(|part| field_words(part));
    let required: Vec<String> = texts.into_iter().map(full_text).chain(of_fields).collect();
    let mut writer = Writer::default();
    if required.is_empty() {
        let is_severe = parts.iter().any(implies_severe);
        writer.all(parts.iter());
        // A literal, so that SQLite recognises the condition of the partial index.
        let from = if is_severe { "lines l INDEXED BY severe" } else { "lines l" };
        let literal = if is_severe { " AND l.level <= 2" } else { "" };
        return Condition { from, id: "l.id", sql: format!("{}{literal}", writer.sql), binds: writer.binds };
    }
    let mut search = required.join(" AND ");
    if !excluded.is_empty() {
        let inner = excluded
            .into_iter()
            .map(|part| if let Expr::Not(inner) = part { full_text(inner) } else { full_text(part) });
        search = format!("({search}) NOT ({})", joined(inner, " OR "));
    }
    writer.sql.push_str("s.search MATCH ? AND ");
    writer.binds.push(Bind::Text(search));
    writer.all(others.into_iter());
    let from = "search s CROSS JOIN lines l ON l.id = s.rowid";
    Condition { from, id: "s.rowid", sql: writer.sql, binds: writer.binds }
}

/// Compiles a query without a join, for deletion.
#[must_use]
pub fn compile_plain(expr: &Expr) -> Condition {
    let mut writer = Writer::default();
    writer.expr(expr);
    Condition { from: "lines l", id: "l.id", sql: writer.sql, binds: writer.binds }
}

/// The SQL of a condition and the number of its values, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub fn condition_of(expr: &Expr) -> (String, usize) {
    let (joined, plain) = (compile(expr), compile_plain(expr));
    (format!("{} {}", joined.sql, plain.sql), joined.binds.len() + plain.binds.len())
}

/// True for an expression that full-text syntax can express alone.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Text(_) => true,
        Expr::And(parts) | Expr::Or(parts) => !parts.is_empty() && parts.iter().all(is_text),
        Expr::Not(_)
        | Expr::Level(_)
        | Expr::AtLeast(_)
        | Expr::Service(_)
        | Expr::Target(_)
        | Expr::Request(_)
        | Expr::Process(_)
        | Expr::Field { .. } => false,
    }
}

fn implies_severe(expr: &Expr) -> bool {
    matches!(expr, Expr::Level(level) | Expr::AtLeast(level) if level.number() <= 2)
}

fn joined(parts: impl Iterator<Item = String>, by: &str) -> String {
    parts.collect::<Vec<_>>().join(by)
}

/// Full-text syntax (sqlite.org/fts5.html §3) of an expression for which [`is_text`] holds. Words are FTS5 strings.
fn full_text(expr: &Expr) -> String {
    match expr {
        Expr::And(parts) => format!("({})", joined(parts.iter().map(full_text), " AND ")),
        Expr::Or(parts) => format!("({})", joined(parts.iter().map(full_text), " OR ")),
        Expr::Text(phrase) => quoted(phrase),
        Expr::Not(_)
        | Expr::Level(_)
        | Expr::AtLeast(_)
        | Expr::Service(_)
        | Expr::Target(_)
        | Expr::Request(_)
        | Expr::Process(_)
        | Expr::Field { .. } => String::new(),
    }
}

/// Words that occur in the fields of every line with this value of a field. They find candidates; the value itself is
/// compared, too.
fn field_words(expr: &Expr) -> Option<String> {
    let Expr::Field { test: FieldTest::Is(text), .. } = expr else { return None };
    let phrase = Phrase { text: text.clone(), is_prefix: false };
    text.contains(char::is_alphanumeric).then(|| format!("(fields : {})", quoted(&phrase)))
}

fn quoted(phrase: &Phrase) -> String {
    let inner = phrase.text.replace('"', "\"\"");
    format!("\"{inner}\"{}", if phrase.is_prefix { " *" } else { "" })
}

#[derive(Default)]
struct Writer {
    sql: String,
    binds: Vec<Bind>,
}

impl Writer {
    fn put(&mut self, sql: &str, binds: impl IntoIterator<Item = Bind>) {
        self.sql.push_str(sql);
        self.binds.extend(binds);
    }

    fn all<'a>(&mut self, parts: impl Iterator<Item = &'a Expr>) {
        self.sql.push('1');
        for part in parts {
            self.sql.push_str(" AND ");
            self.expr(part);
        }
    }

    /// Every condition is true or false, never NULL, so that `NOT` inverts it.
    fn expr(&mut self, expr: &Expr) {
        const NAME: &str = "IN (SELECT n.id FROM names n WHERE n.name = ?)";
        match expr {
            Expr::And(parts) => {
                self.sql.push('(');
                self.all(parts.iter());
                self.sql.push(')');
            }
            Expr::Or(parts) => {
                self.sql.push_str("(0");
                for part in parts {
                    self.sql.push_str(" OR ");
                    self.expr(part);
                }
                self.sql.push(')');
            }
            Expr::Not(part) => {
                self.sql.push_str("NOT ");
                self.expr(part);
            }
            Expr::Level(level) => self.put("(l.level = ?)", [Bind::Int(level.number().into())]),
            Expr::AtLeast(level) => self.put("(l.level <= ?)", [Bind::Int(level.number().into())]),
            Expr::Service(service) => self.put(&format!("(l.service {NAME})"), [Bind::Text(service.clone())]),
            Expr::Target(pattern) if pattern.is_prefix => {
                let length = i64::try_from(pattern.text.len()).unwrap_or(i64::MAX);
                let binds = [Bind::Int(length), Bind::Text(pattern.text.clone())];
                self.put("(l.target IN (SELECT n.id FROM names n WHERE substr(n.name, 1, ?) = ?))", binds);
            }
            Expr::Target(pattern) => self.put(&format!("(l.target {NAME})"), [Bind::Text(pattern.text.clone())]),
            Expr::Request(id) => {
                self.put("(l.request IS NOT NULL AND l.request = ?)", [Bind::Text(id.clone())]);
            }
            Expr::Process(process) => self.put("(l.process = ?)", [Bind::Int(process.0.cast_signed())]),
            Expr::Field { name, test } => self.field(name, test),
            Expr::Text(phrase) => self
                .put("(l.id IN (SELECT t.rowid FROM search t WHERE t.search MATCH ?))", [Bind::Text(quoted(phrase))]),
        }
    }

    fn field(&mut self, name: &str, test: &FieldTest) {
        // A name consists of letters, digits and `-_.`; quoted, a dot is no separator.
        let path = Bind::Text(format!("$.\"{name}\""));
        match test {
            FieldTest::Is(text) => {
                let [string, bare] = FieldTest::json_forms(text).map(Bind::Text);
                self.put("COALESCE((l.fields -> ?) IN (?, ?), 0)", [path, string, bare]);
            }
            FieldTest::Compare(comparison, number) => {
                let operator = match comparison {
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                let sql = format!(
                    "COALESCE(json_type(l.fields, ?) IN ('integer', 'real') AND (l.fields ->> ?) {operator} ?, 0)"
                );
                self.put(&sql, [path.clone(), path, Bind::Real(*number)]);
            }
        }
    }
}

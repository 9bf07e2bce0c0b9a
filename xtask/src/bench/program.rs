//! A program that executes orders: one JSON object per line on its standard input, and a line in response to each.

use anyhow::{Context as _, bail};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running program. It is killed on drop.
pub struct Program {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts a program. `name` describes it in errors.
    pub fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {name}"))?;
        let orders = child.stdin.take().with_context(|| format!("{name} has no standard input"))?;
        let answers = child.stdout.take().with_context(|| format!("{name} has no standard output"))?;
        Ok(Self { name, child, orders, answers: BufReader::new(answers) })
    }

    /// Sends an order and returns the response. Fails if the program reports an error or has ended.
    pub fn ask(&mut self, order: &Value) -> anyhow::Result<Value> {
        let name = self.name;
        writeln!(self.orders, "{order}").with_context(|| format!("{name} has ended"))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        parse(name, &line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads the response of a program; an object with the key `error` is an error.
pub fn parse(name: &str, text: &str) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_str(text).with_context(|| format!("invalid response of {name}: {text:?}"))?;
    match answer["error"].as_str() {
        Some(error) => bail!("{name} failed: {error}"),
        None => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;
    use serde_json::json;

    #[test]
    fn a_program_answers_until_it_ends() {
        let script = r#"read a; echo "{\"got\": $a}"; read b; echo '{"error": "broken"}'"#;
        let mut program = Program::start("the script", shell::command("sh", &["-c", script])).unwrap();
        assert_eq!(program.ask(&json!(7)).unwrap(), json!({ "got": 7 }));
        assert_eq!(program.ask(&json!(8)).unwrap_err().to_string(), "the script failed: broken");
        assert!(program.ask(&json!(9)).is_err(), "it has ended");
    }
}

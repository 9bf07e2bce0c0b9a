//! Passwords and codes are read from a terminal or from standard input. They are never taken from the command line,
//! which every process on the machine can read.

use crate::args::SecretInput;
use crate::error::Failure;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use tornado_helper_api::HelperError;
use tornado_shared::model::Secret;
use zeroize::Zeroizing;

/// Maximum length of a password, code or link, bytes.
pub(crate) const MAX_INPUT: u64 = 4096;
const CODE_PROMPT: &str = "Authenticator code or recovery code: ";

/// A password, with the code if one was given on standard input.
pub(crate) struct Typed {
    pub password: Secret,
    totp: Option<Secret>,
}

/// Reads the password, and the code if `input` takes one from standard input.
pub(crate) fn read(input: SecretInput, prompt: &str) -> Result<Typed, Failure> {
    let (password, totp) = match (input.password_stdin, input.totp_stdin) {
        (true, false) => (rest_of_input()?, None),
        // The password comes first, as `--help` documents.
        (true, true) => (line_of_input()?, Some(line_of_input()?)),
        (false, true) => {
            let totp = line_of_input()?;
            (Secret::new(rpassword::prompt_password(prompt)?), Some(totp))
        }
        (false, false) => (Secret::new(rpassword::prompt_password(prompt)?), None),
    };
    checked(&password, "password")?;
    if let Some(code) = &totp {
        checked(code, "code")?;
    }
    Ok(Typed { password, totp })
}

/// Reads only the password.
pub(crate) fn password(from_stdin: bool) -> Result<Secret, Failure> {
    let input = SecretInput { password_stdin: from_stdin, totp_stdin: false };
    Ok(read(input, "Password: ")?.password)
}

/// Reads an authenticator code from a terminal, or from the first line of standard input.
pub(crate) fn code() -> Result<Secret, Failure> {
    let code = if std::io::stdin().is_terminal() {
        Secret::new(rpassword::prompt_password("First code of the authenticator: ")?)
    } else {
        line_of_input()?
    };
    checked(&code, "code")?;
    Ok(code)
}

impl Typed {
    /// Calls `call` with the code from standard input, if any. If the server requires a code and standard input is a
    /// terminal, prompts for the code and calls again.
    pub(crate) async fn prove<T>(
        &self,
        call: impl AsyncFn(Secret, Option<Secret>) -> Result<T, HelperError>,
    ) -> Result<T, Failure> {
        match call(self.password.clone(), self.totp.clone()).await {
            Err(HelperError::Refused { code, .. }) if code == "totp_required" && self.totp.is_none() => {}
            Err(other) => return Err(other.into()),
            Ok(answer) => return Ok(answer),
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::CodeRequired);
        }
        let code = Secret::new(rpassword::prompt_password(CODE_PROMPT)?);
        checked(&code, "code")?;
        Ok(call(self.password.clone(), Some(code)).await?)
    }
}

/// Reads one line from standard input, without its line ending.
pub(crate) fn line_of_input() -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().take(MAX_INPUT + 1).read_line(&mut text)?;
    Ok(Secret::new(without_end(&text)))
}

fn rest_of_input() -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().take(MAX_INPUT + 1).read_to_string(&mut text)?;
    Ok(Secret::new(without_end(&text)))
}

fn without_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

fn checked(secret: &Secret, what: &str) -> Result<(), Failure> {
    if secret.expose().is_empty() {
        return Err(Failure::Usage(format!("the {what} is empty; nothing was sent")));
    }
    if secret.expose().len() as u64 > MAX_INPUT {
        return Err(Failure::Usage(format!("the {what} is longer than {MAX_INPUT} bytes; nothing was sent")));
    }
    Ok(())
}

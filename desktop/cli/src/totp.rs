//! `tornado totp`: the second factor of the account.

use crate::args::TotpCommand;
use crate::error::Failure;
use crate::output;
use crate::secrets;
use std::fmt::Write as _;
use tornado_helper_api::{FirstCode, Helper as _, HelperClient, PasswordAgain, RecoveryCodes, TotpOffer};

pub(crate) async fn run(helper: &HelperClient, command: TotpCommand, json: bool) -> Result<(), Failure> {
    match command {
        TotpCommand::Begin { password_stdin } => {
            let password = secrets::password(password_stdin)?;
            let offer = helper.begin_totp(PasswordAgain { password }).await?;
            output::show(&offer, json, offered)?;
        }
        TotpCommand::Confirm => {
            let code = secrets::code()?;
            let codes = helper.confirm_totp(FirstCode { code }).await?;
            output::show(&codes, json, recovery)?;
        }
        TotpCommand::End { password_stdin } => {
            let password = secrets::password(password_stdin)?;
            output::status(&helper.end_totp(PasswordAgain { password }).await?, json)?;
        }
    }
    Ok(())
}

fn offered(offer: &TotpOffer) -> String {
    format!(
        "Add this secret to an authenticator app, then run `tornado totp confirm` with its first code:\n  {}\n  {}\n",
        offer.secret.expose(),
        offer.url.expose()
    )
}

fn recovery(codes: &RecoveryCodes) -> String {
    let mut text =
        "Codes are required from now on. Each recovery code replaces one, once. Store them now:\n".to_owned();
    for code in &codes.codes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", code.expose());
    }
    text
}

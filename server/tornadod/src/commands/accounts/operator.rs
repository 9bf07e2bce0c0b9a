//! `tornadod setup-link`, `tornadod operator`

use crate::commands::args::{Format, Operator};
use crate::commands::{Server, password, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{ago, say, table};
use tornado_admin::{Config, ConsoleTls, TlsWord};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::operators::{
    Operator as OperatorInfo, OperatorRef, Operators as _, OperatorsClient, PutOperatorRole,
};
use tornado_contracts::auth::{Acting, Auth as _, AuthClient};
use tornado_rpc::NoInput;

pub async fn setup_link(server: &Server) -> Result<(), Failure> {
    let auth = AuthClient::new(server.channel(ServiceName::Auth));
    let made = auth.setup_link(NoInput {}).await.or_cannot("create a set-up link")?;
    let Some(code) = made.code else {
        return Err(Failure::refused("an operator already exists; use `tornadod operator add NAME` to add another"));
    };
    say(&format!("{}/setup?code={}", console(&server.config.admin), code.expose()));
    Ok(())
}

/// Address of the console: under the first of its names, unless it listens on loopback only. A proxy in front of it has
/// another address, which this server does not know.
fn console(admin: &Config) -> String {
    let scheme = if admin.tls == ConsoleTls::Word(TlsWord::Off) { "http" } else { "https" };
    let name = admin.hosts.first().filter(|_| !admin.listen.ip().is_loopback());
    format!("{scheme}://{}:{}", name.map_or("localhost", String::as_str), admin.listen.port())
}

pub async fn run(server: &Server, command: Operator) -> Result<(), Failure> {
    let operators = OperatorsClient::new(server.channel(ServiceName::Auth));
    match command {
        Operator::Add { name, role, password_stdin } => {
            let password = Some(password::new(password_stdin)?);
            put(&operators, PutOperatorRole { name, password, role, forget_totp: false }).await
        }
        Operator::Set { name, role, forget_totp } => {
            if role.is_none() && !forget_totp {
                return Err(Failure::usage("nothing to change; give --role or --forget-totp"));
            }
            put(&operators, PutOperatorRole { name, password: None, role, forget_totp }).await
        }
        Operator::ResetFactor { name } => {
            put(&operators, PutOperatorRole { name, password: None, role: None, forget_totp: true }).await
        }
        Operator::List(Format { json }) => list(&operators, json).await,
        Operator::Remove { name } => {
            let which = Acting::root(OperatorRef { name: name.clone() });
            operators.remove_operator(which).await.or_cannot("remove the operator")?;
            say(&format!("removed operator '{name}'; all sign-ins have ended"));
            Ok(())
        }
    }
}

async fn put(operators: &OperatorsClient, what: PutOperatorRole) -> Result<(), Failure> {
    let put = operators.put_operator_role(Acting::root(what)).await.or_cannot("change the operator")?;
    say(&format!("operator '{}' has the role {}", put.name, put.role));
    Ok(())
}

async fn list(operators: &OperatorsClient, json: bool) -> Result<(), Failure> {
    let all = operators.list_operators(Acting::root(NoInput {})).await.or_cannot("list operators")?;
    let line = |operator: &OperatorInfo| {
        [
            operator.name.to_string(),
            operator.role.to_string(),
            if operator.totp { "yes" } else { "no" }.into(),
            ago(operator.created_at),
        ]
    };
    show(json, &all, |all| table(["NAME", "ROLE", "2FA", "CREATED"], all.iter().map(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_leads_to_where_the_console_listens() {
        let mut admin = Config::default();
        assert_eq!(console(&admin), "http://localhost:8000");
        admin.hosts = vec!["console.example.org".into()];
        assert_eq!(console(&admin), "http://localhost:8000", "behind a proxy");
        admin.listen = "0.0.0.0:8443".parse().unwrap();
        admin.tls = ConsoleTls::Word(TlsWord::Own);
        assert_eq!(console(&admin), "https://console.example.org:8443");
    }
}

//! `tornadod setup-link`, `tornadod operator`

use crate::commands::args::Operator;
use crate::commands::{Server, password, say_json, unix_now};
use crate::failure::Failure;
use crate::output::{say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::operators::{OperatorRef, Operators as _, OperatorsClient, PutOperatorRole};
use tornado_contracts::auth::{Acting, Auth as _, AuthClient};
use tornado_rpc::NoInput;

pub async fn setup_link(server: &Server) -> Result<(), Failure> {
    let auth = AuthClient::new(server.channel(ServiceName::Auth));
    let made = auth.setup_link(NoInput {}).await.map_err(|e| Failure::of_call("create a set-up link", &e))?;
    let Some(code) = made.code else {
        return Err(Failure::refused("an operator already exists; use `tornadod operator add NAME` to add another"));
    };
    let address = server.config.admin.listen;
    let host = if address.ip().is_loopback() { "localhost".into() } else { address.ip().to_string() };
    say(&format!("http://{host}:{}/setup?code={}", address.port(), code.expose()));
    Ok(())
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
        Operator::List { json } => list(&operators, json).await,
        Operator::Remove { name } => {
            let removed = operators.remove_operator(Acting::root(OperatorRef { name: name.clone() })).await;
            removed.map_err(|e| Failure::of_call("remove the operator", &e))?;
            say(&format!("removed operator '{name}'; all sign-ins have ended"));
            Ok(())
        }
    }
}

async fn put(operators: &OperatorsClient, what: PutOperatorRole) -> Result<(), Failure> {
    let put = operators
        .put_operator_role(Acting::root(what))
        .await
        .map_err(|e| Failure::of_call("change the operator", &e))?;
    say(&format!("operator '{}' can sign in to the console as {}", put.name, put.role));
    Ok(())
}

async fn list(operators: &OperatorsClient, json: bool) -> Result<(), Failure> {
    let all =
        operators.list_operators(Acting::root(NoInput {})).await.map_err(|e| Failure::of_call("list operators", &e))?;
    if json {
        return say_json(&all);
    }
    let now = unix_now();
    let heading = ["NAME", "ROLE", "2FA", "CREATED"].map(String::from).to_vec();
    let rows = all.iter().map(|operator| {
        vec![
            operator.name.to_string(),
            operator.role.to_string(),
            if operator.totp { "yes" } else { "no" }.into(),
            format!("{} ago", span(now - operator.created_at)),
        ]
    });
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>());
    Ok(())
}

//! `tornadod import`: imports the accounts of the original into the running server.

use crate::commands::{Server, machine, say_json};
use crate::failure::Failure;
use crate::output::say;
use serde::Serialize;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::import::{Import as _, ImportAccount, ImportClient, Imported};
use tornado_rpc::ServiceError as _;
use tornado_shared::model::{Secret, Username};
use tornado_store::{OriginalUser, PostgresLogin, PostgresUrl};

/// The most devices that an account may have.
const MAX_DEVICES: u32 = 10;

/// The outcome of an import.
#[derive(Debug, Default, Serialize)]
struct Report {
    made: Vec<String>,
    taken: Vec<String>,
    /// Name and reason.
    refused: Vec<(String, String)>,
}

pub async fn run(server: &Server, args: &machine::Import) -> Result<(), Failure> {
    // Fails only if a provider is installed already, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let url: PostgresUrl = args.url.parse().map_err(|why| Failure::usage(format!("invalid URL: {why}")))?;
    let cannot = |error| Failure::failed(format!("cannot read the original's accounts: {error}"));
    let login = PostgresLogin::new(url, &args.role, &args.password_file).map_err(cannot)?;
    let users = tornado_store::original_users(&login).await.map_err(cannot)?;
    let auth = ImportClient::new(server.channel(ServiceName::Auth));
    let mut report = Report::default();
    for user in users {
        let name = user.username.clone();
        let account = match account(user) {
            Ok(account) => account,
            Err(why) => {
                report.refused.push((name, why));
                continue;
            }
        };
        if args.dry_run {
            report.made.push(name);
            continue;
        }
        match auth.import_account(Acting::root(account)).await {
            Ok(Imported::Made { .. }) => report.made.push(name),
            Ok(Imported::Taken) => report.taken.push(name),
            Err(error) if error.status() == 422 || error.status() == 400 => {
                report.refused.push((name, error.to_string()));
            }
            Err(error) => return Err(Failure::of_call("import accounts (run the command again to continue)", &error)),
        }
    }
    tell(&report, args)
}

/// Converts an account for this server.
///
/// # Errors
///
/// Fails if the name is not valid here.
fn account(user: OriginalUser) -> Result<ImportAccount, String> {
    let username: Username = user.username.parse().map_err(|why| format!("{why}"))?;
    let max_devices = u32::try_from(user.max_devices.max(1)).map_or(MAX_DEVICES, |most| most.min(MAX_DEVICES));
    Ok(ImportAccount {
        username,
        email: user.email,
        password_hash: Secret::new(user.password_hash),
        max_devices,
        is_active: user.is_active,
    })
}

fn tell(report: &Report, args: &machine::Import) -> Result<(), Failure> {
    if args.json {
        say_json(report)?;
    } else {
        let verb = if args.dry_run { "would be created" } else { "were created" };
        say(&format!("{} accounts {verb}, {} already exist", report.made.len(), report.taken.len()));
        for (name, why) in &report.refused {
            say(&format!("not imported: {name}: {why}"));
        }
    }
    if report.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "cannot import {} accounts; their names and reasons are listed above",
        report.refused.len()
    )))
}

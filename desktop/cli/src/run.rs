//! Runs the command that was given on the command line.

use crate::args::{Arguments, Command, ExitCountry, InvitationInput, ProfileCommand};
use crate::bundle;
use crate::error::Failure;
use crate::lockdown;
use crate::manual;
use crate::output::{self, account};
use crate::secrets::{self, MAX_INPUT};
use crate::split;
use crate::system;
use crate::totp;
use futures::StreamExt as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use tornado_helper_api::{
    AddProfile, ChooseExit, Connect, Enroll, Export, Helper as _, HelperClient, HelperError, Login, NoInput,
    OpenPortal, RemoveDevice, SelectProfile, SessionsQuery, SetLockdown, Status, SwitchLane,
};
use tornado_kit::clock::unix_now;
use tornado_shared::model::{DeviceName, Lane, Secret, Username};

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let helper = tornado_helper_api::client(arguments.socket);
    let json = arguments.json;
    let status = match arguments.command {
        Command::Enroll(invitation) => enroll(invitation, async |input: Enroll| helper.enroll(input).await).await?,
        Command::Profile(command) => match command {
            ProfileCommand::List => {
                return Ok(output::show(&helper.profiles(NoInput {}).await?, json, output::profiles::list)?);
            }
            ProfileCommand::Remove { name } => {
                let left = helper.remove_profile(SelectProfile { name }).await?;
                return Ok(output::show(&left, json, output::profiles::list)?);
            }
            ProfileCommand::Use { name } => helper.use_profile(SelectProfile { name }).await?,
            ProfileCommand::Add { name, invitation } => {
                let add = async |enroll| helper.add_profile(AddProfile { name: name.clone(), enroll }).await;
                enroll(invitation, add).await?
            }
        },
        Command::Login { server, username, secrets } => {
            let typed = secrets::read(secrets, "Password: ")?;
            let login = async |password, totp| {
                let (server, username) = (server.clone(), username.clone());
                helper.login(Login { server, username, password, totp }).await
            };
            typed.prove(login).await?
        }
        Command::Connect { lane } => helper.connect(Connect { lane }).await?,
        Command::Lane { lane: Lane::Direct, exit_country: Some(_) } => {
            return Err(Failure::Usage("--exit-country requires the lane 'tor'; nothing was changed".into()));
        }
        Command::Lane { lane, exit_country } => {
            // The country is set first, so that the first connections on the lane already use it.
            if let Some(ExitCountry(country)) = exit_country {
                helper.choose_exit(ChooseExit { country }).await?;
            }
            helper.switch_lane(SwitchLane { lane }).await?;
            helper.status(NoInput {}).await?
        }
        Command::Export { lane, conf: _, qr, device_name, secrets } => {
            let typed = secrets::read(secrets, "Password: ")?;
            let export = async |password, totp| {
                helper.export(Export { lane, device_name: device_name.clone(), password, totp }).await
            };
            let exported = typed.prove(export).await?;
            return output::exported(&exported, qr, json);
        }
        Command::Usage => {
            let usage = helper.usage(NoInput {}).await?;
            return Ok(output::show(&usage, json, |usage| account::usage(usage, unix_now()))?);
        }
        Command::Sessions { limit, before } => {
            let page = helper.sessions(SessionsQuery { before, limit }).await?;
            return Ok(output::show(&page, json, account::sessions)?);
        }
        Command::Devices { remove } => {
            let devices = match remove {
                None => helper.devices(NoInput {}).await?,
                Some(device_id) => helper.remove_device(RemoveDevice { device_id }).await?,
            };
            return Ok(output::show(&devices, json, account::devices)?);
        }
        Command::Completions { shell } => return Ok(manual::completions(shell)?),
        Command::Man { directory } => return Ok(manual::pages(&directory)?),
        Command::Exits => return Ok(output::show(&helper.tor(NoInput {}).await?, json, output::tor::countries)?),
        Command::NewIdentity => return Ok(output::new_identity(&helper.new_identity(NoInput {}).await?, json)?),
        Command::Status { watch: false } => helper.status(NoInput {}).await?,
        Command::Status { watch: true } => return watch(&helper, json).await,
        Command::Split { command } => {
            let status = split::run(&helper, command).await?;
            return Ok(output::show(&status.split, json, split::list)?);
        }
        Command::SupportBundle { redact, save, yes } => {
            return bundle::run(&helper, redact, save.as_deref(), yes).await;
        }
        Command::Totp(command) => return totp::run(&helper, command, json).await,
        Command::Portal { address } => {
            helper.open_portal(OpenPortal { address }).await?;
            helper.status(NoInput {}).await?
        }
        Command::Watch => return watch(&helper, true).await,
        Command::Lockdown { mode, lan, bridges } => {
            let answer = lockdown::run(&helper, SetLockdown { mode, lan, bridges }).await?;
            return Ok(output::lockdown::answer(&answer, json)?);
        }
        Command::Disconnect => helper.disconnect(NoInput {}).await?,
        Command::Logout => helper.logout(NoInput {}).await?,
    };
    Ok(output::status(&status, json)?)
}

/// Reads what an enrolment needs, and calls `call` with it.
async fn enroll(
    invitation: InvitationInput,
    call: impl AsyncFn(Enroll) -> Result<Status, HelperError>,
) -> Result<Status, Failure> {
    let InvitationInput { link, username, secrets, device_name } = invitation;
    let link = if link == "-" { secrets::line_of_input()? } else { Secret::new(link) };
    let link = Secret::new(link.expose().trim());
    let username = match username {
        None if !secrets.password_stdin => ask_username()?,
        given => given,
    };
    let device_name = device_name.map_or_else(host_name, Ok)?;
    let typed = secrets::read(secrets, "Password (at least 10 characters when new): ")?;
    let enroll = async |password, totp| {
        let (link, username, device_name) = (link.clone(), username.clone(), device_name.clone());
        call(Enroll { link, username, password, totp, device_name }).await
    };
    typed.prove(enroll).await
}

/// Prints the status and each change until the helper stops.
async fn watch(helper: &HelperClient, json: bool) -> Result<(), Failure> {
    let mut events = helper.events().await?;
    while let Some(status) = events.next().await {
        output::status(&status, json)?;
    }
    Err(HelperError::NotRunning("the helper stopped".into()).into())
}

fn ask_username() -> Result<Option<Username>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "Account name (empty if the invitation is for your existing account): ")?;
    terminal.flush()?;
    let mut name = String::new();
    std::io::stdin().lock().take(MAX_INPUT).read_line(&mut name)?;
    if name.trim().is_empty() {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|e| Failure::Usage(format!("the account name {e}")))
}

fn host_name() -> Result<DeviceName, Failure> {
    let name = system::host_name();
    let missing = |_| Failure::Usage("this machine has no usable host name; pass --device-name".into());
    name.trim().split('.').next().unwrap_or_default().parse().map_err(missing)
}

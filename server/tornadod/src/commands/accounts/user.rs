//! `tornadod user`

use super::device;
use crate::commands::args::User;
use crate::commands::services::sessions;
use crate::commands::{Server, password, say_json, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{ago, bytes, or_dash, say, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{CreateUser, UpdateUser, UserInfo, UserQuery, UserRef, Users as _, UsersClient};

/// Accounts in one request.
const PAGE: u32 = 500;

pub async fn run(server: &Server, command: User) -> Result<(), Failure> {
    let users = UsersClient::new(server.channel(ServiceName::Auth));
    match command {
        User::Add { name, email, devices, password_stdin } => {
            let password = password::new(password_stdin)?;
            let what = CreateUser { username: name, email, password, max_devices: devices };
            let made = users.create_user(Acting::root(what)).await.or_cannot("create the account")?;
            say(&format!("created account '{}' with number {}", made.username, made.id));
            Ok(())
        }
        User::List { search, suspended, json } => list(&users, search, suspended, json).await,
        User::Show { user, json } => show_one(server, &users, user, json).await,
        User::Set { user, name, email, devices, quota, download, upload, peer_group, forget_totp } => {
            let is_named = [name.is_some(), email.is_some(), peer_group.is_some(), forget_totp];
            let is_counted = [devices.is_some(), quota.is_some(), download.is_some(), upload.is_some()];
            if !is_named.into_iter().chain(is_counted).any(|is_given| is_given) {
                let all = "--name, --email, --devices, --quota, --download, --upload, --peer-to-peer or --forget-totp";
                return Err(Failure::usage(format!("nothing to change; give {all}")));
            }
            let what = UpdateUser {
                username: name,
                email,
                max_devices: devices,
                month_quota: quota,
                download_rate: download,
                upload_rate: upload,
                peer_group,
                forget_totp,
                ..of(user)
            };
            change(&users, what, "was changed").await
        }
        User::Suspend { user } => {
            let text = "was suspended; its logins and sessions have ended";
            change(&users, UpdateUser { active: Some(false), ..of(user) }, text).await
        }
        User::Reactivate { user } => {
            change(&users, UpdateUser { active: Some(true), ..of(user) }, "may log in again").await
        }
        User::Password { user, password_stdin } => {
            let password = Some(password::new(password_stdin)?);
            let text = "has a new password; its logins and sessions have ended";
            change(&users, UpdateUser { password, ..of(user) }, text).await
        }
        User::Delete { user } => {
            let what = UserRef { user: user.clone() };
            users.delete_user(Acting::root(what)).await.or_cannot("delete the account")?;
            say(&format!("deleted account '{user}'; its logins and sessions have ended"));
            Ok(())
        }
        User::Revoke { user } => {
            let what = UserRef { user: user.clone() };
            users.revoke_user(Acting::root(what)).await.or_cannot("end the logins")?;
            say(&format!("ended every login and session of '{user}'"));
            Ok(())
        }
    }
}

fn of(user: String) -> UpdateUser {
    UpdateUser { user, ..UpdateUser::default() }
}

async fn change(users: &UsersClient, what: UpdateUser, text: &str) -> Result<(), Failure> {
    let changed = users.update_user(Acting::root(what)).await.or_cannot("change the account")?;
    say(&format!("account '{}' {text}", changed.username));
    Ok(())
}

async fn list(users: &UsersClient, search: String, suspended: bool, json: bool) -> Result<(), Failure> {
    let mut all: Vec<UserInfo> = Vec::new();
    loop {
        let after = all.last().map(|user| user.username.clone());
        let active = suspended.then_some(false);
        let query = UserQuery { search: search.clone(), active, after, limit: PAGE };
        let page = users.list_users(Acting::root(query)).await.or_cannot("list accounts")?;
        let full = page.users.len() == PAGE as usize;
        all.extend(page.users);
        if !full {
            break;
        }
    }
    let line = |user: &UserInfo| {
        [
            user.username.to_string(),
            or_dash(user.email.as_ref()),
            if user.is_active { "active" } else { "suspended" }.into(),
            user.max_devices.to_string(),
            if user.totp { "yes" } else { "no" }.into(),
            ago(user.created_at),
            last_login(user),
        ]
    };
    let heading = ["NAME", "E-MAIL", "STATE", "DEVICES", "2FA", "CREATED", "LAST LOGIN"];
    show(json, &all, |all| table(heading, all.iter().map(line)))
}

fn last_login(user: &UserInfo) -> String {
    user.last_login_at.map_or_else(|| "never".into(), ago)
}

async fn show_one(server: &Server, users: &UsersClient, user: String, json: bool) -> Result<(), Failure> {
    let which = UserRef { user };
    let info = users.show_user(Acting::root(which.clone())).await.or_cannot("show the account")?;
    let devices = users.list_devices(Acting::root(which)).await.or_cannot("list devices")?;
    // The account is shown even if service session does not respond.
    let usage = sessions::usage(server, info.id).await.ok();
    if json {
        return say_json(&serde_json::json!({ "user": info, "devices": devices, "usage": usage }));
    }
    say(&format!("name        {}", info.username));
    say(&format!("number      {}", info.id));
    say(&format!("e-mail      {}", info.email.as_deref().unwrap_or("-")));
    say(&format!("state       {}", if info.is_active { "active" } else { "suspended" }));
    say(&format!("devices     {} at the same time", info.max_devices));
    let quota = info.month_quota.map_or_else(|| "none".into(), |quota| format!("{} per month", bytes(quota)));
    say(&format!("quota       {quota}"));
    let rate = |bytes: Option<u64>| bytes.map_or_else(|| "unlimited".into(), |bytes| format!("{} kbit/s", bytes / 125));
    let policy = info.traffic_policy;
    say(&format!("speed       {} down, {} up", rate(policy.download_rate), rate(policy.upload_rate)));
    say(&format!("peer group  {}", if policy.peer_group { "its devices may reach each other" } else { "no" }));
    say(&format!("2FA         {}", if info.totp { "on" } else { "off" }));
    say(&format!("created     {}", ago(info.created_at)));
    say(&format!("last login  {}", last_login(&info)));
    let moved =
        usage.as_ref().map_or_else(|| "unknown; service session does not respond".into(), sessions::usage_words);
    say(&format!("usage       {moved}"));
    say("");
    device::print(&devices);
    Ok(())
}

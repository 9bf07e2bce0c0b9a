//! Enrolment, sign-in, profiles and the second factor.

use super::{Helper, done};
use crate::convert::{failure, invitation, profile, qr};
use tornado_gui_api::{Enrol, FactorOffer, Failure, Profile, SignIn};
use tornado_helper_api::{
    AddProfile, Enroll, FirstCode, Helper as _, HelperError, Login, NoInput, PasswordAgain, ProfileName, Profiles,
    RenameProfile, SelectProfile,
};
use tornado_shared::model::{DeviceName, Secret, Username};

/// Enrols this device with an invitation; as a new profile if one is named.
#[tauri::command]
pub async fn enrol(helper: Helper<'_>, input: Enrol) -> Result<(), Failure> {
    let new_profile = match input.profile.trim() {
        "" => None,
        name => Some(profile_name(name)?),
    };
    let name = input.username.trim();
    let username: Option<Username> = if name.is_empty() {
        None
    } else {
        Some(name.parse().map_err(|e| Failure::invalid("invalid_username", format!("the account name {e}")))?)
    };
    let device: Result<DeviceName, _> = input.device.trim().parse();
    let device_name = device.map_err(|e| Failure::invalid("invalid_device_name", format!("the device name {e}")))?;
    let link = invitation(input.invitation)?;
    let (password, totp) = (Secret::new(input.password), code(&input.code));
    let enroll = Enroll { link, username, password, totp, device_name };
    done(match new_profile {
        None => helper.enroll(enroll).await,
        Some(name) => helper.add_profile(AddProfile { name, enroll }).await,
    })
}

/// Signs in to the enrolled server.
#[tauri::command]
pub async fn sign_in(helper: Helper<'_>, input: SignIn) -> Result<(), Failure> {
    let (password, totp) = (Secret::new(input.password), code(&input.code));
    done(helper.login(Login { server: None, username: None, password, totp }).await)
}

fn code(text: &str) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret::new(text))
}

/// Disconnects and ends the sign-in.
#[tauri::command]
pub async fn sign_out(helper: Helper<'_>) -> Result<(), Failure> {
    done(helper.logout(NoInput {}).await)
}

fn profile_name(text: &str) -> Result<ProfileName, Failure> {
    text.trim().parse().map_err(|error| Failure::invalid("invalid_profile", format!("{error}")))
}

fn listed(found: Result<Profiles, HelperError>) -> Result<Vec<Profile>, Failure> {
    let found = found.map_err(|error| failure(&error))?;
    Ok(found.profiles.into_iter().map(profile).collect())
}

/// The profiles of this device, sorted by name.
#[tauri::command]
pub async fn profiles(helper: Helper<'_>) -> Result<Vec<Profile>, Failure> {
    listed(helper.profiles(NoInput {}).await)
}

/// Disconnects, then uses another profile.
#[tauri::command]
pub async fn use_profile(helper: Helper<'_>, name: String) -> Result<(), Failure> {
    let name = profile_name(&name)?;
    done(helper.use_profile(SelectProfile { name }).await)
}

/// Renames a profile. Returns all.
#[tauri::command]
pub async fn rename_profile(helper: Helper<'_>, name: String, new_name: String) -> Result<Vec<Profile>, Failure> {
    let (name, new_name) = (profile_name(&name)?, profile_name(&new_name)?);
    listed(helper.rename_profile(RenameProfile { name, new_name }).await)
}

/// Removes a profile that is not in use. Returns the others.
#[tauri::command]
pub async fn remove_profile(helper: Helper<'_>, name: String) -> Result<Vec<Profile>, Failure> {
    let name = profile_name(&name)?;
    listed(helper.remove_profile(SelectProfile { name }).await)
}

/// Creates a secret for an authenticator app.
#[tauri::command]
pub async fn begin_totp(helper: Helper<'_>, password: String) -> Result<FactorOffer, Failure> {
    let password = Secret::new(password);
    let offer = helper.begin_totp(PasswordAgain { password }).await.map_err(|error| failure(&error))?;
    Ok(FactorOffer { secret: offer.secret.expose().to_owned(), qr: qr(offer.url.expose()) })
}

/// Confirms the secret with its first code. Returns the recovery codes, once.
#[tauri::command]
pub async fn confirm_totp(helper: Helper<'_>, code: String) -> Result<Vec<String>, Failure> {
    let code = Secret::new(code.trim());
    let codes = helper.confirm_totp(FirstCode { code }).await.map_err(|error| failure(&error))?;
    Ok(codes.codes.iter().map(|code| code.expose().to_owned()).collect())
}

/// Removes the second factor.
#[tauri::command]
pub async fn end_totp(helper: Helper<'_>, password: String) -> Result<(), Failure> {
    let password = Secret::new(password);
    done(helper.end_totp(PasswordAgain { password }).await)
}

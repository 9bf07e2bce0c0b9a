//! Implementation of the contract's methods.

use super::engine::Engine;
use super::queries::{tor, usage};
use crate::connection::Connection;
use async_trait::async_trait;
use tornado_client::DeviceApi;
use tornado_helper_api::{
    AddProfile, ChooseExit, Connect, Devices, Enroll, ExcludeProgram, ExcludedPrograms, Export, Exported, FirstCode,
    Helper, HelperError, LeakReport, Login, NoInput, OpenPortal, PasswordAgain, Profiles, ReadmitProgram,
    RecoveryCodes, RemoveDevice, RenameProfile, Report, SelectProfile, SessionsQuery, SetLockdown, Split, Status,
    SwitchLane, TotpOffer,
};
use tornado_shared::api::{OwnSessions, OwnUsage, TorView};
use tornado_shared::model::Secret;

#[async_trait]
impl Helper for Engine {
    async fn enroll(&self, input: Enroll) -> Result<Status, HelperError> {
        self.connection.lock().await.enroll(input).await
    }

    async fn profiles(&self, _: NoInput) -> Result<Profiles, HelperError> {
        self.connection.lock().await.profiles()
    }

    async fn add_profile(&self, input: AddProfile) -> Result<Status, HelperError> {
        self.connection.lock().await.add_profile(input).await
    }

    async fn use_profile(&self, input: SelectProfile) -> Result<Status, HelperError> {
        // A profile that does not exist disconnects nothing.
        self.connection.lock().await.require_profile(&input.name)?;
        self.disconnect(NoInput {}).await?;
        self.connection.lock().await.use_profile(&input.name).await
    }

    async fn rename_profile(&self, input: RenameProfile) -> Result<Profiles, HelperError> {
        self.connection.lock().await.rename_profile(&input.name, &input.new_name)
    }

    async fn remove_profile(&self, input: SelectProfile) -> Result<Profiles, HelperError> {
        self.connection.lock().await.remove_profile(&input.name).await
    }

    async fn login(&self, input: Login) -> Result<Status, HelperError> {
        self.connection.lock().await.login(input).await
    }

    async fn connect(&self, input: Connect) -> Result<Status, HelperError> {
        let disconnects = self.control.disconnects();
        self.connection.lock().await.connect(input.lane, disconnects).await
    }

    async fn switch_lane(&self, input: SwitchLane) -> Result<Status, HelperError> {
        let mut connection = self.connection.lock().await;
        self.control.require_connected()?;
        connection.switch_lane(input.lane).await
    }

    async fn new_identity(&self, _: NoInput) -> Result<Status, HelperError> {
        let mut connection = self.connection.lock().await;
        self.control.require_connected()?;
        if !connection.has_session() {
            return Err(HelperError::NotConnected);
        }
        let call = |api: DeviceApi, access: Secret| async move { api.new_identity(&access).await };
        // If the login or the session has ended, the next heartbeat gets the same response and handles it.
        connection.call_server(call).await?;
        Ok(self.publish.now())
    }

    async fn disconnect(&self, _: NoInput) -> Result<Status, HelperError> {
        self.remove_tunnel().await?;
        self.publish.clear_notice();
        if self.control.is_disconnected() {
            self.control.clear_desired();
        }
        Ok(self.publish.now())
    }

    async fn set_lockdown(&self, input: SetLockdown) -> Result<Status, HelperError> {
        self.policy.set(input).await?;
        self.wake.notify_one();
        Ok(self.publish.now())
    }

    async fn set_split(&self, input: Split) -> Result<Status, HelperError> {
        self.policy.set_split(input).await?;
        Ok(self.publish.now())
    }

    async fn exclude_program(&self, input: ExcludeProgram) -> Result<ExcludedPrograms, HelperError> {
        self.programs.exclude(input.pid, input.dns).await
    }

    async fn excluded_programs(&self, _: NoInput) -> Result<ExcludedPrograms, HelperError> {
        self.programs.list().await
    }

    async fn readmit_program(&self, input: ReadmitProgram) -> Result<ExcludedPrograms, HelperError> {
        self.programs.readmit(input.pid).await
    }

    async fn open_portal(&self, input: OpenPortal) -> Result<Status, HelperError> {
        self.policy.open_portal(input.address).await?;
        Ok(self.publish.now())
    }

    async fn check_leaks(&self, _: NoInput) -> Result<LeakReport, HelperError> {
        self.control.require_connected()?;
        let check = self.connection.lock().await.leak_check().await?;
        check.run(&self.publish.now(), (self.machine)()).await
    }

    async fn logout(&self, _: NoInput) -> Result<Status, HelperError> {
        self.remove_tunnel().await?;
        self.control.clear_desired();
        self.connection.lock().await.logout().await
    }

    async fn status(&self, _: NoInput) -> Result<Status, HelperError> {
        self.control.observe().await;
        self.programs.refresh().await;
        self.confirm_session().await;
        self.queries.update_tor(&self.connection, &self.control, &self.publish).await;
        self.queries.update_usage(&self.connection, &self.publish).await;
        Ok(self.publish.now())
    }

    async fn report(&self, _: NoInput) -> Result<Report, HelperError> {
        let log_file = self.log_file.clone();
        let collected = tokio::task::spawn_blocking(move || tornado_support::collect(&log_file)).await;
        collected.map_err(|error| HelperError::Internal(format!("cannot collect the report: {error}")))
    }

    async fn export(&self, input: Export) -> Result<Exported, HelperError> {
        self.connection.lock().await.export(input).await
    }

    async fn usage(&self, _: NoInput) -> Result<OwnUsage, HelperError> {
        self.connection.lock().await.call_server(usage).await
    }

    async fn sessions(&self, input: SessionsQuery) -> Result<OwnSessions, HelperError> {
        let call = |api: DeviceApi, access: Secret| async move { api.sessions(&access, input).await };
        self.connection.lock().await.call_server(call).await
    }

    async fn devices(&self, _: NoInput) -> Result<Devices, HelperError> {
        let mut connection = self.connection.lock().await;
        devices(&mut connection).await
    }

    async fn remove_device(&self, input: RemoveDevice) -> Result<Devices, HelperError> {
        let device = input.device_id;
        let mut connection = self.connection.lock().await;
        let mut known = devices(&mut connection).await?;
        let call = |api: DeviceApi, access: Secret| async move { api.remove_device(&access, device).await };
        connection.call_server(call).await?;
        // The device list cannot be queried again: this device may be the one that was removed.
        known.devices.retain(|kept| kept.id != device);
        Ok(known)
    }

    async fn begin_totp(&self, input: PasswordAgain) -> Result<TotpOffer, HelperError> {
        let call = |api: DeviceApi, access: Secret| {
            let password = input.password.clone();
            async move { api.begin_totp(&access, password).await }
        };
        self.connection.lock().await.call_server(call).await
    }

    async fn confirm_totp(&self, input: FirstCode) -> Result<RecoveryCodes, HelperError> {
        let call = |api: DeviceApi, access: Secret| {
            let code = input.code.clone();
            async move { api.confirm_totp(&access, code).await }
        };
        self.connection.lock().await.call_server(call).await
    }

    async fn end_totp(&self, input: PasswordAgain) -> Result<Status, HelperError> {
        let call = |api: DeviceApi, access: Secret| {
            let password = input.password.clone();
            async move { api.end_totp(&access, password).await }
        };
        self.connection.lock().await.call_server(call).await?;
        Ok(self.publish.now())
    }

    async fn tor(&self, _: NoInput) -> Result<TorView, HelperError> {
        self.connection.lock().await.call_server(tor).await
    }

    async fn choose_exit(&self, input: ChooseExit) -> Result<Status, HelperError> {
        let country = input.country;
        let call = |api: DeviceApi, access: Secret| async move { api.choose_exit(&access, country).await };
        self.connection.lock().await.call_server(call).await?;
        self.queries.invalidate_tor();
        self.queries.update_tor(&self.connection, &self.control, &self.publish).await;
        Ok(self.publish.now())
    }
}

async fn devices(connection: &mut Connection) -> Result<Devices, HelperError> {
    let own = connection.device_id().ok_or(HelperError::NotLoggedIn)?;
    let call = |api: DeviceApi, access: Secret| async move { api.devices(&access).await };
    let found = connection.call_server(call).await?;
    Ok(Devices { devices: found.devices, own })
}

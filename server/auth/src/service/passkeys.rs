//! The contract `Passkeys`.

use super::Service;
use crate::access::Act;
use crate::passkeys;
use tornado_contracts::auth::operators::SignedIn;
use tornado_contracts::auth::passkeys::{
    BeginPasskey, NewPasskey, PasskeyAnswer, PasskeyChallenge, PasskeySignIn, PasskeyView, Passkeys, RemovePasskey,
    Site,
};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::{Done, NoInput};

#[async_trait::async_trait]
impl Passkeys for Service {
    async fn begin_passkey_sign_in(&self, input: Site) -> Result<PasskeyChallenge, AuthError> {
        passkeys::begin_passkey_sign_in(&self.core, input)
    }

    async fn sign_in_by_passkey(&self, input: PasskeySignIn) -> Result<SignedIn, AuthError> {
        let signed_in = passkeys::sign_in_by_passkey(&self.core, input).await;
        self.counters.sign_ins.count_result(&signed_in);
        signed_in
    }

    async fn begin_passkey_confirmation(&self, input: Acting<Site>) -> Result<PasskeyChallenge, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        passkeys::begin_passkey_confirmation(&self.core, actor, input.what).await
    }

    async fn confirm_by_passkey(&self, input: Acting<PasskeyAnswer>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        passkeys::confirm_by_passkey(&self.core, actor, input.what).await
    }

    async fn list_passkeys(&self, input: Acting<NoInput>) -> Result<Vec<PasskeyView>, AuthError> {
        passkeys::list_passkeys(&self.core, self.authorise(&input, Act::OwnSignIn).await?).await
    }

    async fn begin_passkey(&self, input: Acting<BeginPasskey>) -> Result<PasskeyChallenge, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        passkeys::begin_passkey(&self.core, actor, input.what).await
    }

    async fn confirm_passkey(&self, input: Acting<NewPasskey>) -> Result<PasskeyView, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        passkeys::confirm_passkey(&self.core, actor, input.what).await
    }

    async fn remove_passkey(&self, input: Acting<RemovePasskey>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        passkeys::remove_passkey(&self.core, actor, input.what).await
    }
}

//! The contracts `Operators` and `ApiTokens`.

use super::Service;
use crate::access::Act;
use crate::operators::{api_tokens, manage, sign_ins};
use tornado_contracts::auth::api_tokens::{ApiToken, ApiTokenRef, ApiTokens, CreateApiToken, CreatedApiToken};
use tornado_contracts::auth::operators::{
    CheckRight, ConfirmPassword, ConfirmTotp, OperatorRef, Operators, PutOperatorRole, SignIn, SignInRef, SignInView,
    SignedIn, Standing,
};
use tornado_contracts::auth::{Acting, AuthError, Operator};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{RecoveryCodes, TotpOffer};

#[async_trait::async_trait]
impl Operators for Service {
    async fn sign_in(&self, input: SignIn) -> Result<SignedIn, AuthError> {
        let signed_in = sign_ins::sign_in(&self.core, input).await;
        self.counters.sign_ins.count_result(&signed_in);
        signed_in
    }

    async fn sign_out(&self, input: Acting<NoInput>) -> Result<Done, AuthError> {
        sign_ins::sign_out(&self.core, self.authorise(&input, Act::OwnSignIn).await?).await
    }

    async fn confirm_sign_in(&self, input: Acting<ConfirmPassword>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::confirm_sign_in(&self.core, actor, &input.what).await
    }

    async fn whoami(&self, input: Acting<NoInput>) -> Result<Standing, AuthError> {
        sign_ins::whoami(&self.core, self.authorise(&input, Act::OwnRead).await?).await
    }

    async fn check(&self, input: Acting<CheckRight>) -> Result<Operator, AuthError> {
        let act = Act::named(&input.what.act).ok_or_else(|| AuthError::NotFound("right".into()))?;
        sign_ins::check(&self.core, self.authorise(&input, act).await?).await
    }

    async fn list_operators(&self, input: Acting<NoInput>) -> Result<Vec<Operator>, AuthError> {
        self.authorise(&input, Act::OperatorsRead).await?;
        manage::list_operators(&self.core).await
    }

    async fn put_operator_role(&self, input: Acting<PutOperatorRole>) -> Result<Operator, AuthError> {
        let actor = self.authorise(&input, Act::OperatorsWrite).await?;
        manage::put_operator(&self.core, &actor, input.what).await
    }

    async fn remove_operator(&self, input: Acting<OperatorRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OperatorsRemove).await?;
        manage::remove_operator(&self.core, &actor, input.what).await
    }

    async fn list_sign_ins(&self, input: Acting<NoInput>) -> Result<Vec<SignInView>, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::list_sign_ins(&self.core, &actor).await
    }

    async fn revoke_sign_in(&self, input: Acting<SignInRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::revoke_sign_in(&self.core, &actor, input.what).await
    }

    async fn begin_totp(&self, input: Acting<ConfirmPassword>) -> Result<TotpOffer, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::begin_totp(&self.core, actor, &input.what).await
    }

    async fn confirm_totp(&self, input: Acting<ConfirmTotp>) -> Result<RecoveryCodes, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::confirm_totp(&self.core, actor, &input.what).await
    }

    async fn end_totp(&self, input: Acting<ConfirmPassword>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::OwnSignIn).await?;
        sign_ins::end_totp(&self.core, actor, &input.what).await
    }
}

#[async_trait::async_trait]
impl ApiTokens for Service {
    async fn create_api_token(&self, input: Acting<CreateApiToken>) -> Result<CreatedApiToken, AuthError> {
        let actor = self.authorise(&input, Act::TokensCreate).await?;
        api_tokens::create_api_token(&self.core, &actor, input.what).await
    }

    async fn list_api_tokens(&self, input: Acting<NoInput>) -> Result<Vec<ApiToken>, AuthError> {
        let actor = self.authorise(&input, Act::TokensRead).await?;
        api_tokens::list_api_tokens(&self.core, &actor).await
    }

    async fn revoke_api_token(&self, input: Acting<ApiTokenRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::TokensRevoke).await?;
        api_tokens::revoke_api_token(&self.core, &actor, input.what).await
    }
}

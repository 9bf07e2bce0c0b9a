//! Operators: the own sign-in and its factors, other operators, API tokens.

use crate::api::parse::parse;
use crate::api::signed::{Signed, answer, done, list};
use crate::api::{people, problem};
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_contracts::auth::api_tokens;
use tornado_contracts::auth::operators::{self, OperatorRef, PutOperatorRole, SignInRef};
use tornado_contracts::auth::passkeys;

pub async fn whoami(signed: &Signed, _: NoInput) -> AdminResult<Standing> {
    let view = |standing: operators::Standing| Standing {
        operator: people::operator(standing.operator),
        rights: standing.allowed,
    };
    answer(signed.services().operators.whoami(signed.nothing()).await, view)
}

pub async fn sign_out(signed: &Signed, _: NoInput) -> AdminResult<Done> {
    answer(signed.services().operators.sign_out(signed.nothing()).await, done)
}

pub async fn confirm_sign_in(signed: &Signed, input: ConfirmPassword) -> AdminResult<Done> {
    let what = operators::ConfirmPassword { password: input.password };
    answer(signed.services().operators.confirm_sign_in(signed.acting(what)).await, done)
}

pub async fn begin_totp(signed: &Signed, input: ConfirmPassword) -> AdminResult<TotpOffer> {
    let what = operators::ConfirmPassword { password: input.password };
    let offer = signed.services().operators.begin_totp(signed.acting(what)).await;
    answer(offer, |offer| TotpOffer { secret: offer.secret, url: offer.url })
}

pub async fn confirm_totp(signed: &Signed, input: TotpCode) -> AdminResult<RecoveryCodes> {
    let what = operators::ConfirmTotp { code: input.code };
    let codes = signed.services().operators.confirm_totp(signed.acting(what)).await;
    answer(codes, |codes| RecoveryCodes { codes: codes.codes })
}

pub async fn end_totp(signed: &Signed, input: ConfirmPassword) -> AdminResult<Done> {
    let what = operators::ConfirmPassword { password: input.password };
    answer(signed.services().operators.end_totp(signed.acting(what)).await, done)
}

pub async fn list_passkeys(signed: &Signed, _: NoInput) -> AdminResult<List<PasskeyView>> {
    answer(signed.services().passkeys.list_passkeys(signed.nothing()).await, |rows| list(rows, people::passkey))
}

pub async fn begin_passkey(signed: &Signed, input: ConfirmPassword) -> AdminResult<PasskeyChallenge> {
    let what = passkeys::BeginPasskey { password: input.password, site: signed.site()? };
    answer(signed.services().passkeys.begin_passkey(signed.acting(what)).await, people::challenge)
}

pub async fn confirm_passkey(signed: &Signed, input: NewPasskey) -> AdminResult<PasskeyView> {
    let NewPasskey { id, name, credential } = input;
    let what = passkeys::NewPasskey { id, name, credential: credential.to_string() };
    answer(signed.services().passkeys.confirm_passkey(signed.acting(what)).await, people::passkey)
}

pub async fn remove_passkey(signed: &Signed, input: RemovePasskey) -> AdminResult<Done> {
    let what = passkeys::RemovePasskey { id: input.id, password: input.password };
    answer(signed.services().passkeys.remove_passkey(signed.acting(what)).await, done)
}

pub async fn begin_passkey_confirmation(signed: &Signed, _: NoInput) -> AdminResult<PasskeyChallenge> {
    let what = signed.acting(signed.site()?);
    answer(signed.services().passkeys.begin_passkey_confirmation(what).await, people::challenge)
}

pub async fn confirm_by_passkey(signed: &Signed, input: PasskeyAnswer) -> AdminResult<Done> {
    let what = passkeys::PasskeyAnswer { id: input.id, credential: input.credential.to_string() };
    answer(signed.services().passkeys.confirm_by_passkey(signed.acting(what)).await, done)
}

pub async fn list_sign_ins(signed: &Signed, _: NoInput) -> AdminResult<List<SignInView>> {
    let sign_ins = signed.services().operators.list_sign_ins(signed.nothing()).await;
    answer(sign_ins, |rows| list(rows, people::sign_in))
}

pub async fn revoke_sign_in(signed: &Signed, input: ById) -> AdminResult<Done> {
    answer(signed.services().operators.revoke_sign_in(signed.acting(SignInRef { id: input.id })).await, done)
}

pub async fn list_operators(signed: &Signed, _: NoInput) -> AdminResult<List<OperatorView>> {
    let rows = signed.services().operators.list_operators(signed.nothing()).await;
    answer(rows, |rows| list(rows, people::operator))
}

pub async fn put_operator(signed: &Signed, input: PutOperator) -> AdminResult<OperatorView> {
    if input.password.is_some() && input.role.is_none() {
        // The contract's default for a new operator is the role with all rights.
        let rows =
            signed.services().operators.list_operators(signed.nothing()).await.map_err(|error| problem(&error))?;
        if !rows.iter().any(|row| row.name.as_str() == input.name) {
            return Err(AdminError::invalid("a new operator requires a role"));
        }
    }
    let what = PutOperatorRole {
        name: parse("name", &input.name)?,
        password: input.password,
        role: input.role.map(people::operator_role),
        forget_totp: input.forget_totp,
    };
    answer(signed.services().operators.put_operator_role(signed.acting(what)).await, people::operator)
}

pub async fn remove_operator(signed: &Signed, input: ByName) -> AdminResult<Done> {
    let what = OperatorRef { name: parse("name", &input.name)? };
    answer(signed.services().operators.remove_operator(signed.acting(what)).await, done)
}

pub async fn list_api_tokens(signed: &Signed, _: NoInput) -> AdminResult<List<ApiTokenView>> {
    answer(signed.services().api_tokens.list_api_tokens(signed.nothing()).await, |rows| list(rows, people::api_token))
}

pub async fn create_api_token(signed: &Signed, input: CreateApiToken) -> AdminResult<CreatedApiToken> {
    let lifetime = input.lifetime.unwrap_or(90 * 86_400);
    let what = api_tokens::CreateApiToken { name: input.name, scopes: input.scopes, lifetime };
    answer(signed.services().api_tokens.create_api_token(signed.acting(what)).await, people::created_api_token)
}

pub async fn revoke_api_token(signed: &Signed, input: ById) -> AdminResult<Done> {
    let what = api_tokens::ApiTokenRef { id: input.id };
    answer(signed.services().api_tokens.revoke_api_token(signed.acting(what)).await, done)
}

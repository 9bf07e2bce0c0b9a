//! Time-based one-time codes (RFC 6238: SHA-1, 6 digits, 30 seconds; supported by every authenticator app).

use tornado_shared::model::{Secret, UnixSeconds};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// Length of a secret in bytes, as recommended by RFC 4226 §4.
pub const SECRET_LEN: usize = 20;
/// Accepted steps before and after the server's current one, for clocks that differ by up to 30 seconds (RFC 6238
/// §5.2).
const SKEW: u16 = 1;
const STEP: u64 = 30;

/// Number of a 30-second step since 1970.
pub type Step = i64;

fn totp(secret: &[u8; SECRET_LEN]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(SKEW)
        .with_step_duration(STEP)
        .with_secret(totp_rs::Secret::new_stack(*secret))
}

/// The step near `now` whose code this is, if any. The caller ensures that each step is used only once.
#[must_use]
pub fn check(secret: &[u8; SECRET_LEN], code: &Secret, now: UnixSeconds) -> Option<Step> {
    let digits: Zeroizing<String> =
        Zeroizing::new(code.expose().chars().filter(|character| !character.is_whitespace()).collect());
    let built: Totp = totp(secret).build().ok()?;
    let step = built.check(&digits, u64::try_from(now).ok()?)?;
    Step::try_from(step).ok()
}

/// Base32 of the secret, and the URL for the QR code.
#[must_use]
pub fn offer(secret: &[u8; SECRET_LEN], account: &str) -> Option<(Secret, Secret)> {
    let built = totp(secret).with_account_name(account).with_issuer(Some("Tornado VPN")).build().ok()?;
    Some((Secret::new(built.secret().to_base32()), Secret::new(built.to_url().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1; the last six of the eight digits.
    const RFC: &[u8; SECRET_LEN] = b"12345678901234567890";

    #[test]
    fn vectors_of_rfc_6238() {
        for (at, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(check(RFC, &Secret::new(code), at), Some(at / 30));
        }
    }

    #[test]
    fn only_neighbouring_steps_are_accepted() {
        let code = Secret::new(" 287 082");
        assert_eq!(check(RFC, &code, 59 + 30), Some(1));
        assert_eq!(check(RFC, &code, 29), Some(1));
        assert_eq!(check(RFC, &code, 59 + 60), None);
        for rubbish in ["", "28708", "2870821", "abcdef", "٢٨٧٠٨٢"] {
            assert_eq!(check(RFC, &Secret::new(rubbish), 59), None, "{rubbish}");
        }
    }

    #[test]
    fn the_offer_has_the_format_that_apps_read() {
        let (secret, url) = offer(RFC, "alice").unwrap();
        assert_eq!(secret.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(url.expose().starts_with("otpauth://totp/Tornado%20VPN:alice?secret=GEZDGNBVGY3"), "{}", url.expose());
    }
}

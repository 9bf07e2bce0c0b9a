//! Errors of the device API as errors of the helper's contract.

use tornado_client::Error as ApiError;
use tornado_helper_api::HelperError;

/// Converts an API error to an error of the contract.
pub(crate) fn translate(error: &ApiError) -> HelperError {
    let text = error.to_string();
    let retry_after = error.retry_after().map(|after| after.as_secs());
    match error {
        ApiError::Unreachable(_) | ApiError::Timeout | ApiError::Busy { .. } => {
            HelperError::Unreachable { code: error.code().to_owned(), detail: text, retry_after }
        }
        ApiError::Refused { code, detail, .. } => {
            HelperError::Refused { code: code.clone(), detail: detail.clone(), retry_after }
        }
        ApiError::WrongCertificate
        | ApiError::WrongServer(_)
        | ApiError::Crypto(_)
        | ApiError::Malformed(_)
        | ApiError::Offer(_)
        | ApiError::Downgrade(_) => HelperError::Untrusted(text),
        ApiError::Setup(_) => HelperError::Internal(text),
    }
}

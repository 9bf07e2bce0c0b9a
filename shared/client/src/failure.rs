//! Errors of the HTTP client.

use crate::Error;
use crate::pin::is_certificate_refusal;

/// Converts an error of a request or of its response.
pub(crate) fn failure(error: &(dyn std::error::Error + 'static)) -> Error {
    if is_certificate_refusal(error) {
        return Error::WrongCertificate;
    }
    // The innermost cause is the most specific: "Connection refused", not "error sending request".
    let mut cause = error;
    loop {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::TimedOut
        {
            return Error::Timeout;
        }
        match cause.source() {
            Some(next) => cause = next,
            None => return Error::Unreachable(cause.to_string()),
        }
    }
}

//! The validity period of a certificate, for callers that inspect it without serving it.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::path::Path;

/// Unix seconds of `notBefore` and `notAfter` of the first certificate in a PEM file (RFC 5280, 4.1.2.5).
///
/// # Errors
/// The reason, in words: the file cannot be read or is not a certificate.
pub fn validity(path: &Path) -> Result<(i64, i64), String> {
    let certificate = CertificateDer::from_pem_file(path).map_err(|error| error.to_string())?;
    let invalid = || "not an X.509 certificate".to_owned();
    let (rest, certificate) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| invalid())?;
    if !rest.is_empty() {
        return Err(invalid());
    }
    let validity = certificate.validity();
    Ok((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.crt");
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["x.example".into()]).unwrap();
        // Years from 2050 on are encoded with four digits.
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2120, 1, 1);
        std::fs::write(&path, params.self_signed(&pair).unwrap().pem()).unwrap();
        assert_eq!(validity(&path), Ok((1_577_836_800, 4_733_510_400)));
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2021, 6, 1);
        std::fs::write(&path, params.self_signed(&pair).unwrap().pem()).unwrap();
        assert_eq!(validity(&path), Ok((1_577_836_800, 1_622_505_600)));
    }

    #[test]
    fn a_file_without_a_certificate_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.crt");
        assert!(validity(&path).is_err());
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(validity(&path), Err("not an X.509 certificate".into()));
    }
}

//! The certificate that HTTPS is served with. That it can be read and goes with its key was seen with the configuration;
//! here it is about its time, its names, and who may read the key.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use super::Report;
use crate::config::Config;

/// From so many days before its end on it is worth a word: whoever renews it by a timer has done so by then.
const SOON_DAYS: i64 = 14;
const DAY: i64 = 24 * 3600;

pub(super) fn check(config: &Config, report: &mut Report) {
    let Some(tls) = &config.tls else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let leaf = tls.chain.first().map(AsRef::as_ref).unwrap_or_default();
    certificate(&tls.cert, leaf, i64::try_from(now).unwrap_or(i64::MAX), report);
    match fs::metadata(&tls.key) {
        Ok(found) if found.permissions().mode() & 0o007 != 0 => {
            let key = tls.key.display();
            report.note("tls key", format!("everybody may read {key}; mend it with: chmod o= {key}"));
        }
        _ => report.good("tls key", tls.key.display().to_string()),
    }
}

fn certificate(path: &Path, der: &[u8], now: i64, report: &mut Report) {
    let (what, path) = ("tls certificate", path.display());
    let Ok((_, found)) = X509Certificate::from_der(der) else {
        return report.note(what, format!("{path} cannot be looked into; browsers may not take it"));
    };
    let validity = found.validity();
    let days = |seconds: i64| seconds.div_euclid(DAY);
    let left = validity.not_after.timestamp().saturating_sub(now);
    let until = &validity.not_after;
    let mend = "renew it, and bring it into force with: ishowtts reload";
    if now < validity.not_before.timestamp() {
        let from = &validity.not_before;
        report
            .miss(what, format!("{path} is not valid before {from}: look at this machine's clock, or wait"));
    } else if left < 0 {
        report.miss(what, format!("{path} was valid until {until}, and clients refuse it now: {mend}"));
    } else if days(left) < SOON_DAYS {
        report.note(what, format!("{path} is valid until {until}, {} day(s) from now: {mend}", days(left)));
    } else {
        let names = names(&found);
        report.good(what, format!("{path} is valid until {until}, for {names}"));
    }
}

/// The names that clients may ask under.
fn names(certificate: &X509Certificate<'_>) -> String {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.iter().flat_map(|found| &found.value.general_names);
    let shown = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        _ => None,
    };
    let names: Vec<String> = names.filter_map(shown).collect();
    if names.is_empty() { "no name that a browser takes".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_by_its_time() {
        let mut params = rcgen::CertificateParams::new(vec!["box.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 4, 1);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let (begins, ends) = (1_767_225_600, 1_775_001_600);
        for (now, told) in [
            (begins - 1, "[MISS] tls certificate: c.pem is not valid before Jan"),
            (begins + DAY, "[ok  ] tls certificate: c.pem is valid until Apr"),
            (ends - 3 * DAY - 1, "[note] tls certificate: c.pem is valid until Apr"),
            (ends + 1, "[MISS] tls certificate: c.pem was valid until Apr"),
        ] {
            let mut report = Report::default();
            certificate(Path::new("c.pem"), made.der(), now, &mut report);
            assert!(report.lines()[0].starts_with(told), "{told}: {:?}", report.lines());
        }
        let mut report = Report::default();
        certificate(Path::new("c.pem"), made.der(), begins + DAY, &mut report);
        assert!(report.lines()[0].ends_with("for box.example"), "{:?}", report.lines());
    }
}

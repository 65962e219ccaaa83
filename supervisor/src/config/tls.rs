//! `tls_cert` and `tls_key` under `[server]`: HTTPS. Both files are read and put together here, so that whatever is
//! wrong with them is told like any other mistake.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject},
    },
};

use super::{
    raw::{Found, Notes, Table},
    server::absolute,
};

/// A certificate with its key, ready to be served with.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, in PEM.
    pub cert: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The chain as it was read, to see whether a reload brought another.
    pub chain: Vec<CertificateDer<'static>>,
    /// What connections are accepted with.
    pub config: Arc<ServerConfig>,
}

pub(super) fn tls(table: &Table<'_>, notes: &Notes, base: &Path) -> Option<Tls> {
    let (cert, key) = match (table.string("tls_cert"), table.string("tls_key")) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return None,
        (Some(lonely), None) => {
            lonely.problem(notes, "needs `tls_key` beside it: the file of the certificate's key");
            return None;
        }
        (None, Some(lonely)) => {
            lonely.problem(notes, "needs `tls_cert` beside it: the file of the certificate and its chain");
            return None;
        }
    };
    let at = |found: &Found<String>| absolute(base.join(&found.value));
    let (cert_file, key_file) = (at(&cert), at(&key));
    let chain = chain(&cert_file).map_err(|message| cert.problem(notes, message)).ok();
    let secret = PrivateKeyDer::from_pem_file(&key_file);
    let secret = secret.map_err(|error| key.problem(notes, unread(&key_file, "private key", &error))).ok();
    let (chain, secret) = (chain?, secret?);
    match assemble(chain.clone(), secret) {
        Ok(config) => Some(Tls { cert: cert_file, key: key_file, chain, config: Arc::new(config) }),
        Err(error) => {
            let (cert_file, key_file) = (cert_file.display(), key_file.display());
            key.problem(notes, format!("{key_file} and {cert_file} do not go together: {error}"));
            None
        }
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|error| unread(path, "certificate", &error))?;
    if certificates.is_empty() {
        Err(unread(path, "certificate", &PemError::NoItemsFound))
    } else {
        Ok(certificates)
    }
}

fn unread(path: &Path, what: &str, error: &PemError) -> String {
    let path = path.display();
    match error {
        PemError::NoItemsFound => format!("there is no {what} in PEM in {path}"),
        PemError::Io(error) => format!("could not read {path}: {error}"),
        other => format!("{path} is not PEM: {other}"),
    }
}

fn assemble(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

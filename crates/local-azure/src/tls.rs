//! A development certificate authority and the server certificate it signs. Never for anything but loopback.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
pub use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Names the server certificate is good for.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{path} cannot be used", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A certificate could not be made or read.
    #[error("the development certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
    /// The TLS library refused the certificate.
    #[error("the development certificate cannot be used")]
    Config(#[source] rustls::Error),
}

/// A server's TLS settings and the authority that vouches for them.
#[derive(Clone, Debug)]
pub struct DevelopmentTls {
    /// The authority's certificate (PEM), for clients to trust.
    pub ca_file: PathBuf,
    /// The authority's certificate text, the content of `ca_file`.
    pub ca_pem: String,
    /// What a listener needs.
    pub server: Arc<ServerConfig>,
}

impl DevelopmentTls {
    /// Reads the authority kept in `folder`, or makes one there, and signs a fresh server certificate with it.
    ///
    /// # Errors
    /// When the folder cannot be used, or what it holds is no authority.
    pub fn in_folder(folder: &Path) -> Result<Self, TlsError> {
        let (ca_file, key_file) = (folder.join("development-ca.pem"), folder.join("development-ca.key"));
        if !ca_file.exists() || !key_file.exists() {
            make_authority(&ca_file, &key_file)?;
        }
        let ca_pem = read(&ca_file)?;
        let ca_key = KeyPair::from_pem(&read(&key_file)?).map_err(TlsError::Certificate)?;
        let issuer = Issuer::new(authority(), ca_key);
        Ok(Self { server: Arc::new(sign_server(&issuer)?), ca_file, ca_pem })
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "local-azure development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn make_authority(ca_file: &Path, key_file: &Path) -> Result<(), TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Certificate)?;
    let certificate = authority().self_signed(&key).map_err(TlsError::Certificate)?;
    write_private(key_file, &key.serialize_pem())?;
    fs::write(ca_file, certificate.pem()).map_err(|e| TlsError::File(ca_file.to_owned(), e))
}

fn sign_server(issuer: &Issuer<'_, KeyPair>) -> Result<ServerConfig, TlsError> {
    let names = SERVER_NAMES.map(str::to_owned);
    let mut params = CertificateParams::new(names).map_err(TlsError::Certificate)?;
    params.distinguished_name.push(DnType::CommonName, "local-azure");
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(TlsError::Certificate)?;
    let certificate = params.signed_by(&key, issuer).map_err(TlsError::Certificate)?;
    let chain = CertificateDer::pem_slice_iter(certificate.pem().as_bytes()).filter_map(Result::ok).collect();
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|e| TlsError::Config(rustls::Error::General(e.to_owned())))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Config)
}

fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|e| TlsError::File(path.to_owned(), e))
}

fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| TlsError::File(path.to_owned(), e))
}

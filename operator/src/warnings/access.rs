//! By which certificate the API server knows who answers, and by which path it asks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What lies in a folder that Kubernetes keeps as a Secret is.
pub struct Access {
    folder: PathBuf,
    pub(super) tls: TlsAcceptor,
    /// The word that only the API server knows.
    pub(super) path: String,
}

impl Access {
    /// Reads certificate, key, and the word that ends the path: every pod reaches the port, and what is
    /// asked may be about any tenant, so only the API server is to know where.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let unreadable = |error: &dyn std::fmt::Display| {
            let message = format!("tls.crt, tls.key and path in {}: {error}", folder.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let certificates = CertificateDer::pem_file_iter(folder.join("tls.crt"))
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(&error))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("tls.key"))
            .map_err(|error| unreadable(&error))?;
        let path =
            std::fs::read_to_string(folder.join("path")).map_err(|error| unreadable(&error))?;
        if path.len() < 32 || !path.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unreadable(
                &"path is no word of 32 letters and digits or more",
            ));
        }
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            folder: folder.to_owned(),
            tls: TlsAcceptor::from(Arc::new(config)),
            path,
        })
    }

    /// Reads them again. What cannot be read, or is half written, changes nothing.
    pub fn renew(&mut self) -> io::Result<()> {
        *self = Self::read(&self.folder)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::super::{Asking, channel, serve};
    use super::*;
    use crate::fake_api;

    /// A certificate for `localhost` that vouches for itself, with its key.
    fn certify(folder: &Path) {
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(' '))
            .args("-keyout tls.key -out tls.crt -days 2 -subj /CN=localhost".split(' '))
            .args("-addext subjectAltName=DNS:localhost".split(' '))
            .args("-addext basicConstraints=critical,CA:FALSE".split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
    }

    /// What one has to trust who trusts what lies there now.
    fn trusting(folder: &Path) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(folder.join("tls.crt"));
        roots
            .add(certificate.expect("a certificate"))
            .expect("it can be trusted");
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    #[tokio::test]
    async fn a_renewed_certificate_counts_and_a_broken_one_does_not() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        std::fs::write(folder.join("path"), "a".repeat(32)).expect("it is written");
        certify(folder);
        let access = Access::read(folder).expect("all is there");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (questions, _asked) = channel();
        let asking = Asking {
            questions,
            health: Arc::default(),
            client: fake_api::client(|_, _, _| fake_api::refused(404, "NotFound")),
        };
        let serving = tokio::spawn(serve(listener, access, asking));
        let is_trusted = async |client: &TlsConnector| {
            let stream = TcpStream::connect(address).await.expect("it listens");
            let name = ServerName::try_from("localhost").expect("a name");
            client.connect(name, stream).await.is_ok()
        };
        let first = trusting(folder);
        assert!(is_trusted(&first).await);
        certify(folder);
        let second = trusting(folder);
        assert!(is_trusted(&second).await);
        assert!(!is_trusted(&first).await);
        std::fs::write(folder.join("tls.key"), "half a").expect("it is written");
        assert!(is_trusted(&second).await);
        serving.abort();
    }
}

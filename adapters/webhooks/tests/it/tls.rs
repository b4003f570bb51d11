//! Which certificates are believed: a real https server with authorities of its own.

use std::sync::Arc;

use kontor_webhooks::{Caller, CallerError, Next};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};
use uuid::Uuid;

use crate::{
    guard::last_failure,
    stand::Stand,
    support::{World, world},
};

/// An authority of somebody's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a certificate for `name` until the end of `year`.
    async fn server(&self, name: &str, year: i32) -> Stand {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Stand::open_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }
}

/// Delivers to an https server once.
async fn delivered(stand: &Stand, caller: Caller) -> (World, Next) {
    let world = world(&format!("https://localhost:{}/kontor", stand.port)).await;
    world.readings(Uuid::now_v7(), 1).await;
    let (mut courier, lease) = (world.courier_by(caller).await, world.lease().await);
    let next = courier.step(&lease).await.unwrap();
    (world, next)
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_was_named_is_believed() {
    let authority = Authority::new();
    let stand = authority.server("localhost", 2099).await;
    let caller = Caller::trusting(true, authority.pem().as_bytes()).unwrap();
    let (world, next) = delivered(&stand, caller).await;
    assert_eq!((next, stand.got().len()), (Next::More, 1));
    assert_eq!(world.webhook().await.failing_since, None);
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_before_anything_is_sent() {
    let (authority, other) = (Authority::new(), Authority::new());
    let trusting = || Caller::trusting(true, authority.pem().as_bytes()).unwrap();
    for (stand, caller) in [
        // Of an authority that nobody named.
        (other.server("localhost", 2099).await, trusting()),
        (authority.server("localhost", 2099).await, Caller::new(true).unwrap()),
        // For another name, and one that has run out.
        (authority.server("hooks.example.org", 2099).await, trusting()),
        (authority.server("localhost", 2021).await, trusting()),
    ] {
        let (world, _) = delivered(&stand, caller).await;
        let failure = last_failure(&world).await;
        assert!(failure.contains("certificate is wrong"), "{failure}");
        assert!(stand.got().is_empty());
        assert_eq!(world.webhook().await.pending, 1);
    }
}

#[tokio::test]
async fn a_server_without_tls_behind_an_https_address_gets_nothing() {
    let stand = Stand::open().await;
    let (world, _) = delivered(&stand, Caller::new(true).unwrap()).await;
    assert!(last_failure(&world).await.starts_with("no connection"));
    assert!(stand.got().is_empty());
}

#[test]
fn a_file_without_certificates_is_refused() {
    let damaged = "-----BEGIN CERTIFICATE-----\nсчётчик\n-----END CERTIFICATE-----\n";
    for pem in ["", "счётчик", damaged] {
        let refused = Caller::trusting(false, pem.as_bytes()).unwrap_err();
        assert!(matches!(refused, CallerError::NoCertificate | CallerError::Tls(_)), "{pem}");
    }
}

//! The wire on real sockets: one pool of HTTP/1.1 connections, over TLS where the URL says so, through a proxy where the
//! environment says so. Not what is sent.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use header_spelling::{give_to_hyper, take_from_hyper};
use http::Uri;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _, service_fn};

use super::{ANSWER_BYTES_MAX, Wire, WireError};

/// A provider that has not taken the connection by then is taken for unavailable: name, TCP, proxy and TLS together.
const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Idle connections to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How long one is kept: less than the minutes after which Azure's load balancers forget it.
const IDLE_SECONDS_MAX: Duration = Duration::from_secs(90);
/// How often a silent connection is probed, so that one whose other end is gone does not wait in the pool.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// Probes without an answer after which the connection is given up.
const PROBES_MAX: u32 = 3;
/// Headers of an answer: 8 KiB of a blob's metadata is about 3,000 names at most.
const HEADERS_MAX: usize = 4_096;
/// The headers whose names are data.
const SPELLED_PREFIX: &str = "x-ms-meta-";

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connector = BoxCloneSyncService<Uri, Stream, BoxError>;

/// Real sockets. Names of metadata keep their spelling, both ways, as a [`header_spelling::Spelling`] beside the headers.
pub struct Sockets(Client<Connector, Full<Bytes>>);

impl Sockets {
    /// Trusts the system's authorities and, if the path is not empty, those in that file (PEM).
    ///
    /// # Errors
    /// When the file cannot be read, or TLS cannot be set up.
    pub fn new(ca_file: &Path) -> Result<Self, String> {
        let authorities =
            if ca_file.as_os_str().is_empty() { Vec::new() } else { read_authorities(ca_file)? };
        let tls = tls(authorities).map_err(|error| format!("TLS cannot be set up: {error}"))?;
        // A connection that was closed while it was idle is found out when a request is put on it, and the request, of
        // which nothing was sent, goes to another: the client does this by itself.
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_SECONDS_MAX)
            .http1_preserve_header_case(true)
            .http1_max_headers(HEADERS_MAX)
            .build(connector(Arc::new(tls)));
        Ok(Self(client))
    }
}

fn read_authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |error: &dyn Display| format!("tls.ca_file: {}: {error}", file.display());
    let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
    let authorities = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let authorities = authorities.map_err(|error| unusable(&error))?;
    if authorities.is_empty() { Err(unusable(&"expected certificates (PEM)")) } else { Ok(authorities) }
}

fn tls(authorities: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Connects to a host, or has the proxy connect that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name for it. A
/// proxy is spoken to in plain HTTP, and asked for a tunnel (`CONNECT`) whatever goes through it.
fn connector(tls: Arc<ClientConfig>) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(PROBE_INTERVAL));
    tcp.set_keepalive_interval(Some(PROBE_INTERVAL));
    tcp.set_keepalive_retries(Some(PROBES_MAX));
    let proxies = Arc::new(Matcher::from_env());
    BoxCloneSyncService::new(service_fn(move |host: Uri| {
        let (tcp, tls, proxy) = (tcp.clone(), Arc::clone(&tls), proxies.intercept(&host));
        async move {
            let connecting = async move {
                let Some(proxy) = proxy else { return HttpsConnector::from((tcp, tls)).oneshot(host).await };
                let tunnel = Tunnel::new(proxy.uri().clone(), tcp);
                let tunnel = match proxy.basic_auth() {
                    Some(credentials) => tunnel.with_auth(credentials.clone()),
                    None => tunnel,
                };
                HttpsConnector::from((tunnel, tls)).oneshot(with_port(host)).await
            };
            tokio::time::timeout(CONNECT_SECONDS_MAX, connecting).await?
        }
    }))
}

/// The tunnel takes a missing port for 443, whatever the scheme.
fn with_port(host: Uri) -> Uri {
    let (Some("http"), Some(authority), None) = (host.scheme_str(), host.authority(), host.port()) else {
        return host;
    };
    let with_port = Uri::builder().scheme("http").authority(format!("{authority}:80")).path_and_query("/");
    with_port.build().unwrap_or(host)
}

#[async_trait]
impl Wire for Sockets {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let mut request = request.map(Full::new);
        give_to_hyper(request.extensions_mut());
        let answer = self.0.request(request).await.map_err(|error| classify(&error))?;
        let (mut parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { WireError::TooLarge } else { WireError::Broken }
        })?;
        take_from_hyper(&parts.headers, &mut parts.extensions, SPELLED_PREFIX);
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}

fn classify(error: &ClientError) -> WireError {
    if error.is_connect() { WireError::Connection } else { WireError::Broken }
}

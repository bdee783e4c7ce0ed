//! Where a gateway listens.
use super::Error;
use crate::config::Config;
use crate::sources::coap;
use crate::tls::{Listener, Port, Server};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where a gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// MQTT for devices.
    pub mqtt: SocketAddr,
    /// MQTT over TLS, with `[tls]`.
    pub mqtt_tls: Option<SocketAddr>,
    /// `CoAP` for devices, over UDP.
    pub coap: SocketAddr,
    /// gRPC for the city brain.
    pub grpc: SocketAddr,
    /// HTTP for operators.
    pub http: SocketAddr,
}

/// Sockets, taken before anything else, so that a second gateway ends before it touches the data.
pub(super) struct Listeners {
    pub(super) mqtt: Listener,
    pub(super) mqtt_tls: Option<Listener>,
    pub(super) coap: UdpSocket,
    pub(super) grpc: Listener,
    pub(super) http: Listener,
}

impl Listeners {
    /// `tls`: the certificate of `[tls]`, if there is that.
    pub(super) async fn bind(config: &Config, tls: Option<&Arc<Server>>) -> Result<Self, Error> {
        let over_tls = |wanted: bool| tls.filter(|_| wanted);
        let (mqtt, grpc, http) = (&config.mqtt, &config.grpc, &config.http);
        let mqtt_tls = match (mqtt.tls_bind, tls) {
            (Some(bind), Some(_)) => Some(listen("mqtt.tls_bind", bind, tls, Port::Mqtt).await?),
            _ => None,
        };
        Ok(Self {
            mqtt: listen("mqtt.bind", mqtt.bind, None, Port::Mqtt).await?,
            mqtt_tls,
            coap: bind_udp("coap.bind", &config.coap)?,
            grpc: listen("grpc.bind", grpc.bind, over_tls(grpc.tls), Port::Grpc).await?,
            http: listen("http.bind", http.bind, over_tls(http.tls), Port::Http).await?,
        })
    }

    pub(super) fn bound(&self) -> Result<Bound, Error> {
        let address = |key, found: std::io::Result<SocketAddr>| {
            found.map_err(|source| Error::Bind {
                key,
                address: SocketAddr::from(([0, 0, 0, 0], 0)),
                source,
            })
        };
        let mqtt_tls = self.mqtt_tls.as_ref();
        let mqtt_tls = mqtt_tls.map(|listener| address("mqtt.tls_bind", listener.local_addr()));
        Ok(Bound {
            mqtt: address("mqtt.bind", self.mqtt.local_addr())?,
            mqtt_tls: mqtt_tls.transpose()?,
            coap: address("coap.bind", self.coap.local_addr())?,
            grpc: address("grpc.bind", self.grpc.local_addr())?,
            http: address("http.bind", self.http.local_addr())?,
        })
    }
}

fn bind_udp(key: &'static str, config: &coap::Config) -> Result<UdpSocket, Error> {
    coap::bind(config.bind, config.receive_buffer).map_err(|source| Error::Bind {
        key,
        address: config.bind,
        source,
    })
}

async fn listen(
    key: &'static str,
    address: SocketAddr,
    tls: Option<&Arc<Server>>,
    port: Port,
) -> Result<Listener, Error> {
    let bound = TcpListener::bind(address).await;
    let tcp = bound.map_err(|source| Error::Bind {
        key,
        address,
        source,
    })?;
    Ok(match tls {
        Some(server) => Listener::tls(tcp, Arc::clone(server), port),
        None => Listener::plain(tcp),
    })
}

//! Where a gateway listens.
use super::Error;
use crate::config::Config;
use crate::sources::coap;
use std::net::{SocketAddr, UdpSocket};
use tokio::net::TcpListener;

/// Where a gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// MQTT for devices.
    pub mqtt: SocketAddr,
    /// `CoAP` for devices, over UDP.
    pub coap: SocketAddr,
    /// gRPC for the city brain.
    pub grpc: SocketAddr,
    /// HTTP for operators.
    pub http: SocketAddr,
}

/// Sockets, taken before anything else, so that a second gateway ends before it touches the data.
pub(super) struct Listeners {
    pub(super) mqtt: TcpListener,
    pub(super) coap: UdpSocket,
    pub(super) grpc: TcpListener,
    pub(super) http: TcpListener,
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            mqtt: listen("mqtt.bind", config.mqtt.bind).await?,
            coap: bind_udp("coap.bind", &config.coap)?,
            grpc: listen("grpc.bind", config.grpc.bind).await?,
            http: listen("http.bind", config.http.bind).await?,
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
        Ok(Bound {
            mqtt: address("mqtt.bind", self.mqtt.local_addr())?,
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

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind {
            key,
            address,
            source,
        })
}

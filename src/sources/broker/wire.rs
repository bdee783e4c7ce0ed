//! rumqttc's clients of both versions, in one shape.
use super::config::{Config, Version};
use super::credentials::Credentials;
use super::window::Due;
use bytes::Bytes;
use rumqttc::v5;
use std::time::Duration;

/// From the TCP connection to CONNACK.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that may wait to be written: an ack for each packet id, so that to queue one never waits
/// for a poll, and SUBSCRIBE, UNSUBSCRIBE and DISCONNECT. Memory is taken as they come.
const REQUESTS_MAX: usize = u16::MAX as usize + 128;

/// Packet ids for SUBSCRIBE and UNSUBSCRIBE.
const PACKET_IDS: u16 = 256;

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    V4(#[from] Box<rumqttc::ConnectionError>),
    #[error(transparent)]
    V5(#[from] Box<v5::ConnectionError>),
}

impl Error {
    /// Did the broker send what is no packet, or too large a one?
    pub(super) fn is_protocol_error(&self) -> bool {
        use rumqttc::StateError as V4;
        use v5::StateError as V5;
        match self {
            Self::V4(error) => {
                matches!(
                    **error,
                    rumqttc::ConnectionError::MqttState(V4::Deserialization(_))
                )
            }
            Self::V5(error) => matches!(
                **error,
                v5::ConnectionError::MqttState(
                    V5::Deserialization(_) | V5::IncomingPacketTooLarge { .. }
                )
            ),
        }
    }
}

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Event {
    /// CONNACK: is there a session of earlier?
    Connected { present: bool },
    /// A message.
    Publish(Publish),
    /// SUBACK: for each filter the granted `QoS`, or why not.
    Subscribed(Vec<Result<u8, String>>),
    /// UNSUBACK.
    Unsubscribed,
    /// A PUBACK was written.
    Acked,
    /// DISCONNECT was written.
    Parted,
    /// Nothing of interest.
    Other,
}

/// A message.
#[derive(Debug)]
pub(super) struct Publish {
    /// UTF-8 in 3.1.1; in 5 rumqttc does not look.
    pub(super) topic: Bytes,
    pub(super) payload: Bytes,
    pub(super) packet_id: u16,
    pub(super) qos: u8,
    pub(super) dup: bool,
}

/// One connection: opened by the first [`Wire::next`], never opened again. To be dropped after
/// [`Wire::next`] has failed or was not awaited to its end.
pub(super) enum Wire {
    V4(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// Puts requests into the queue of one connection.
pub(super) enum Client {
    V4(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

/// Prepares a connection.
pub(super) fn open(config: &Config, client_id: &str, credentials: &Credentials) -> (Client, Wire) {
    match config.version {
        Version::V4 => {
            let (client, mut wire) =
                rumqttc::AsyncClient::new(options_v4(config, client_id, credentials), REQUESTS_MAX);
            wire.set_network_options(network());
            (Client::V4(client), Wire::V4(Box::new(wire)))
        }
        Version::V5 => {
            let (client, wire) =
                v5::AsyncClient::new(options_v5(config, client_id, credentials), REQUESTS_MAX);
            (Client::V5(client), Wire::V5(Box::new(wire)))
        }
    }
}

fn network() -> rumqttc::NetworkOptions {
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
    network
}

fn transport(credentials: &Credentials) -> rumqttc::Transport {
    match &credentials.tls {
        None => rumqttc::Transport::Tcp,
        Some(tls) => {
            rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls.clone()))
        }
    }
}

fn options_v4(config: &Config, client_id: &str, credentials: &Credentials) -> rumqttc::MqttOptions {
    let mut options = rumqttc::MqttOptions::new(client_id, config.host.as_str(), config.port);
    options
        .set_transport(transport(credentials))
        .set_keep_alive(config.keep_alive)
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_max_packet_size(config.packet_max, config.packet_max)
        // We publish nothing, but packet ids come out of this many: each SUBSCRIBE and UNSUBSCRIBE that is
        // on its way needs its own (MQTT 3.1.1 §2.3.1).
        .set_inflight(PACKET_IDS);
    if let Some((user, password)) = &credentials.login {
        options.set_credentials(user, password.reveal());
    }
    options
}

fn options_v5(config: &Config, client_id: &str, credentials: &Credentials) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(client_id, config.host.as_str(), config.port);
    let expiry = u32::try_from(config.session_expiry.as_secs()).unwrap_or(u32::MAX - 1);
    let packet_max = u32::try_from(config.packet_max).unwrap_or(u32::MAX);
    options
        .set_transport(transport(credentials))
        .set_keep_alive(config.keep_alive)
        .set_clean_start(false)
        .set_manual_acks(true)
        .set_network_options(network());
    options
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        .set_session_expiry_interval(Some(expiry))
        .set_receive_maximum(Some(config.inflight_max))
        .set_max_packet_size(Some(packet_max))
        .set_outgoing_inflight_upper_limit(PACKET_IDS);
    if let Some((user, password)) = &credentials.login {
        options.set_credentials(user, password.reveal());
    }
    options
}

impl Wire {
    /// Waits for what happens next. Not cancel-safe: an ack on its way may be lost.
    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        match self {
            Self::V4(wire) => Ok(event_v4(wire.poll().await.map_err(Box::new)?)),
            Self::V5(wire) => Ok(event_v5(wire.poll().await.map_err(Box::new)?)),
        }
    }

    /// What has happened already: rumqttc takes several packets out of one read.
    pub(super) fn buffered(&mut self) -> Option<Event> {
        match self {
            Self::V4(wire) => wire.state.events.pop_front().map(event_v4),
            Self::V5(wire) => wire.state.events.pop_front().map(event_v5),
        }
    }
}

fn event_v4(event: rumqttc::Event) -> Event {
    use rumqttc::{Outgoing, Packet, SubscribeReasonCode};
    match event {
        rumqttc::Event::Incoming(Packet::Publish(publish)) => Event::Publish(Publish {
            topic: publish.topic.into(),
            payload: publish.payload,
            packet_id: publish.pkid,
            qos: publish.qos as u8,
            dup: publish.dup,
        }),
        rumqttc::Event::Incoming(Packet::ConnAck(ack)) => Event::Connected {
            present: ack.session_present,
        },
        rumqttc::Event::Incoming(Packet::SubAck(ack)) => {
            let granted = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(qos) => Ok(*qos as u8),
                SubscribeReasonCode::Failure => Err("Failure".to_owned()),
            };
            Event::Subscribed(ack.return_codes.iter().map(granted).collect())
        }
        rumqttc::Event::Incoming(Packet::UnsubAck(_)) => Event::Unsubscribed,
        rumqttc::Event::Outgoing(Outgoing::PubAck(_) | Outgoing::PubRec(_)) => Event::Acked,
        rumqttc::Event::Outgoing(Outgoing::Disconnect) => Event::Parted,
        _ => Event::Other,
    }
}

fn event_v5(event: v5::Event) -> Event {
    use rumqttc::Outgoing;
    use v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
    match event {
        v5::Event::Incoming(Packet::Publish(publish)) => Event::Publish(Publish {
            topic: publish.topic,
            payload: publish.payload,
            packet_id: publish.pkid,
            qos: publish.qos as u8,
            dup: publish.dup,
        }),
        v5::Event::Incoming(Packet::ConnAck(ack)) => Event::Connected {
            present: ack.session_present,
        },
        v5::Event::Incoming(Packet::SubAck(ack)) => {
            let granted = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(qos) => Ok(*qos as u8),
                refused => Err(format!("{refused:?}")),
            };
            Event::Subscribed(ack.return_codes.iter().map(granted).collect())
        }
        v5::Event::Incoming(Packet::UnsubAck(_)) => Event::Unsubscribed,
        v5::Event::Outgoing(Outgoing::PubAck(_) | Outgoing::PubRec(_)) => Event::Acked,
        v5::Event::Outgoing(Outgoing::Disconnect) => Event::Parted,
        _ => Event::Other,
    }
}

/// The connection is over: nobody takes requests any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl Client {
    /// Queues the ack of a message.
    pub(super) async fn ack(&self, due: &Due) -> Result<(), Gone> {
        match self {
            Self::V4(client) => {
                let qos = if due.exactly_once {
                    rumqttc::QoS::ExactlyOnce
                } else {
                    rumqttc::QoS::AtLeastOnce
                };
                let mut publish = rumqttc::Publish::new("", qos, Vec::new());
                publish.pkid = due.packet_id;
                client.ack(&publish).await.map_err(|_| Gone)
            }
            Self::V5(client) => {
                use v5::mqttbytes::QoS;
                let qos = if due.exactly_once {
                    QoS::ExactlyOnce
                } else {
                    QoS::AtLeastOnce
                };
                let mut publish = v5::mqttbytes::v5::Publish::new("", qos, Bytes::new(), None);
                publish.pkid = due.packet_id;
                client.ack(&publish).await.map_err(|_| Gone)
            }
        }
    }

    /// Asks for the filters, in one packet. In MQTT 5 without the retained messages, which are old
    /// (§3.3.1.3); a shared subscription gets none.
    pub(super) async fn subscribe(&self, filters: &[String], qos: u8) -> Result<(), Gone> {
        match self {
            Self::V4(client) => {
                let qos = if qos == 0 {
                    rumqttc::QoS::AtMostOnce
                } else {
                    rumqttc::QoS::AtLeastOnce
                };
                let filters = filters
                    .iter()
                    .map(|path| rumqttc::SubscribeFilter::new(path.clone(), qos));
                client.subscribe_many(filters).await.map_err(|_| Gone)
            }
            Self::V5(client) => {
                use v5::mqttbytes::QoS;
                use v5::mqttbytes::v5::{Filter, RetainForwardRule};
                let qos = if qos == 0 {
                    QoS::AtMostOnce
                } else {
                    QoS::AtLeastOnce
                };
                let filter = |path: &String| Filter {
                    retain_forward_rule: RetainForwardRule::Never,
                    ..Filter::new(path.clone(), qos)
                };
                client
                    .subscribe_many(filters.iter().map(filter))
                    .await
                    .map_err(|_| Gone)
            }
        }
    }

    /// Revokes a filter.
    pub(super) async fn unsubscribe(&self, filter: &str) -> Result<(), Gone> {
        match self {
            Self::V4(client) => client.unsubscribe(filter).await.map_err(|_| Gone),
            Self::V5(client) => client.unsubscribe(filter).await.map_err(|_| Gone),
        }
    }

    /// Says good-bye after all that is queued; the session stays.
    pub(super) async fn disconnect(&self) -> Result<(), Gone> {
        match self {
            Self::V4(client) => client.disconnect().await.map_err(|_| Gone),
            Self::V5(client) => client.disconnect().await.map_err(|_| Gone),
        }
    }
}

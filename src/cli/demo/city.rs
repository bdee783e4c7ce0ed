//! The city of `citygate demo`: who is in it, and where they send.
use super::{Args, local};
use crate::app::Bound;
use crate::model::Timestamp;
use crate::sim::{
    Air, City, CityOptions, Fleet, Format, Mix, Oddities, Protocol, Session, Split, Target,
    Transmission, coap, concentrator_id, mqtt,
};
use std::net::SocketAddr;
use std::time::Duration;

/// MQTT connections of the city.
const CONNECTIONS: usize = 8;
/// Sockets of the devices that speak CoAP.
const ENDPOINTS_MAX: usize = 500;
/// How long the gateway may be out of reach.
const PATIENCE: Duration = Duration::from_secs(10);
/// Topic and path.
const TOPIC: &str = "demo/{kind}/{district}/{device}";
/// Of 18 meters of electricity each sort of frames has some.
const FRAMES: f64 = 0.34;
/// So many that each sort can be watched: of 60 devices three fall silent for good, two for a while,
/// and three are weak.
const ODDITIES: Oddities = Oddities {
    vanish: 0.04,
    pause: 0.02,
    weak: 0.05,
    concentrators: 1,
    collectors: 1,
    strangers: 10,
};

/// The concentrator that passes on frames: behind the others.
pub(super) fn collector() -> String {
    concentrator_id(ODDITIES.concentrators)
}

pub(super) fn build(args: &Args, seed: u64, now: Timestamp) -> City {
    City::new(&CityOptions {
        seed,
        devices: usize::try_from(args.devices).unwrap_or(1),
        mix: Mix::default(),
        rate: Some(args.rate),
        battery_every: None,
        speed: 1.0,
        start: now,
        now,
        faults: args.faults,
        frames: FRAMES,
        oddities: ODDITIES,
        split: Split::by_power(TOPIC),
    })
}

/// Who lives on a battery speaks CoAP, the others MQTT.
pub(super) fn fleets(args: &Args, bound: Bound) -> Vec<Fleet> {
    let mqtt = mqtt::Fleet {
        session: Session {
            tls: None,
            target: target(Protocol::Mqtt, bound.mqtt),
            login: None,
            qos: 1,
            window: 50,
            keep_alive_s: 60,
            patience: PATIENCE,
        },
        client_id: format!("demo-{}", std::process::id()),
        connections: CONNECTIONS,
        named: (0..ODDITIES.concentrators).map(concentrator_id).collect(),
        idle: 0,
    };
    let endpoints = usize::try_from(args.devices).unwrap_or(ENDPOINTS_MAX);
    let coap = coap::Fleet {
        target: target(Protocol::Coap, bound.coap),
        endpoints: endpoints.min(ENDPOINTS_MAX),
        transmission: Transmission::default(),
        air: Air::default(),
        non_confirmable: 0.3,
        format: Format::Json,
        path: String::new(),
        put: false,
        patience: PATIENCE,
    };
    vec![Fleet::Mqtt(mqtt), Fleet::Coap(coap)]
}

fn target(protocol: Protocol, bound: SocketAddr) -> Target {
    let address = local(bound);
    Target {
        tls: false,
        protocol,
        host: address.ip().to_string(),
        port: address.port(),
    }
}

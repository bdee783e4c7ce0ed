//! Links to city brokers, each by the broker's name in the configuration and the client's number.
use super::{counters, double, gauges};
use crate::api::Shared;
use crate::sources::broker::{LinkState, Phase, Subscription};
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

/// A family: name, help and what of a link it shows.
type Family = (&'static str, &'static str, fn(&LinkState) -> u64);

const GAUGES: [Family; 3] = [
    (
        "broker_connected",
        "1: the broker has accepted the link",
        |link| u64::from(link.phase == Phase::Connected),
    ),
    (
        "broker_subscribed",
        "1: the broker has granted every filter",
        |link| u64::from(link.subscription == Subscription::Granted),
    ),
    (
        "broker_in_flight",
        "Messages of a broker not acknowledged yet",
        |link| link.in_flight,
    ),
];
const COUNTERS: [Family; 4] = [
    (
        "broker_received",
        "Messages from a broker, copies included",
        |link| link.received,
    ),
    (
        "broker_redelivered",
        "Messages from a broker with DUP",
        |link| link.redelivered,
    ),
    ("broker_acknowledged", "Acks written to a broker", |link| {
        link.acknowledged
    }),
    (
        "broker_connects",
        "Connections that a broker accepted",
        |link| link.connects,
    ),
];

pub(super) fn links(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let states = shared.links.states();
    if states.is_empty() {
        return Ok(());
    }
    let clients: Vec<String> = states.iter().map(|link| link.client.to_string()).collect();
    let rows = |value: fn(&LinkState) -> u64| {
        let row = move |(link, client)| {
            let (link, client): (&LinkState, &String) = (link, client);
            let labels = vec![
                ("broker", link.broker.as_str()),
                ("client", client.as_str()),
            ];
            (labels, value(link))
        };
        states.iter().zip(&clients).map(row).collect::<Vec<_>>()
    };
    for (name, help, value) in GAUGES {
        let rows = rows(value).into_iter();
        gauges(
            out,
            name,
            help,
            rows.map(|(labels, value)| (labels, double(value))),
        )?;
    }
    for (name, help, value) in COUNTERS {
        counters(out, name, help, rows(value))?;
    }
    Ok(())
}

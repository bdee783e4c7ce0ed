//! The `CoAP` server.
use super::{alone, counters, double, gauges};
use crate::api::Shared;
use crate::sources::coap::{Fault, Numbers};
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

/// A counter: name, help, value.
type Counter = (&'static str, &'static str, fn(&Numbers) -> u64);

const COUNTERS: &[Counter] = &[
    ("datagrams", "Datagrams received", |now| now.datagrams),
    ("truncated", "Datagrams too long to be read whole", |now| {
        now.truncated
    }),
    ("send_errors", "Datagrams that could not be sent", |now| {
        now.send_errors
    }),
    (
        "busy",
        "Requests turned away because too many were waiting",
        |now| now.busy,
    ),
    ("requests", "Requests taken for the first time", |now| {
        now.exchanges.requests
    }),
    ("duplicates", "Copies of requests", |now| {
        now.exchanges.duplicates
    }),
    ("resets", "Resets sent", |now| now.exchanges.resets),
    (
        "bad_options",
        "Requests with an option that cannot be obeyed",
        |now| now.exchanges.bad_options,
    ),
    (
        "acknowledged",
        "Empty acknowledgements ahead of a response",
        |now| now.exchanges.acknowledged,
    ),
    (
        "separate",
        "Responses in a confirmable message of their own",
        |now| now.exchanges.separate,
    ),
    ("retransmissions", "Such responses sent again", |now| {
        now.exchanges.retransmissions
    }),
    ("given_up", "Such responses never acknowledged", |now| {
        now.exchanges.given_up
    }),
    ("rejected", "Such responses answered by a Reset", |now| {
        now.exchanges.rejected
    }),
    ("challenges", "Echo challenges", |now| {
        now.exchanges.challenges
    }),
    ("proven", "Addresses proved by an Echo", |now| {
        now.exchanges.proven
    }),
    ("blocks", "Blocks of requests", |now| now.blocks),
    (
        "transfers_evicted",
        "Payloads in blocks that had to go for others",
        |now| now.transfers_evicted,
    ),
    (
        "evictions",
        "Requests forgotten before their lifetime ended",
        |now| now.evictions,
    ),
];

pub(super) fn coap(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let now = shared.coap.stats.numbers();
    for (name, help, value) in COUNTERS {
        counters(out, &format!("coap_{name}"), help, alone(value(&now)))?;
    }
    let help = "Datagrams that the kernel dropped because the receive buffer was full";
    let rows = shared.coap.drops().map(|count| (Vec::new(), count));
    counters(out, "coap_kernel_drops", help, rows)?;
    let rows = Fault::NAMES
        .into_iter()
        .zip(now.exchanges.malformed)
        .map(|(fault, count)| (vec![("fault", fault)], count));
    counters(out, "coap_malformed", "Malformed datagrams by kind", rows)?;
    let rows = ["2.xx", "4.xx", "5.xx"]
        .into_iter()
        .zip(now.exchanges.responses)
        .map(|(class, count)| (vec![("class", class)], count));
    counters(out, "coap_responses", "Responses by class", rows)?;
    for (name, help, value) in [
        (
            "coap_outstanding",
            "Requests that wait for their answer",
            now.outstanding,
        ),
        (
            "coap_unacknowledged",
            "Responses that wait for their acknowledgement",
            now.unacknowledged,
        ),
        (
            "coap_transfers",
            "Payloads that come in blocks",
            now.transfers,
        ),
        ("coap_remembered", "Requests remembered", now.remembered),
    ] {
        gauges(out, name, help, alone(double(value as u64)))?;
    }
    Ok(())
}

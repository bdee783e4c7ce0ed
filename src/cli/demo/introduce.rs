//! The demo's first words: where it listens, and what to try.
use super::{Args, city, local};
use crate::app::Bound;
use crate::cli::output;
use std::io;
use std::time::Duration;

pub(super) fn introduce(
    args: &Args,
    bound: Bound,
    seed: u64,
    farewell: Option<(&str, Duration)>,
) -> io::Result<()> {
    let [mqtt, coap, grpc, http] = [bound.mqtt, bound.coap, bound.grpc, bound.http].map(local);
    output::line(format_args!(
        "A city of {} devices at {}/s, seed {seed}. MQTT {}, CoAP {}, gRPC {}, HTTP {}.",
        args.devices, args.rate, bound.mqtt, bound.coap, bound.grpc, bound.http
    ))?;
    output::line(format_args!(
        "Open in a browser; a window of 360 px shows what a phone shows:\n  http://{http}/"
    ))?;
    if let Some((id, at)) = farewell {
        output::line(format_args!(
            "  http://{http}/d/{id} falls silent after about {} s and is late soon after",
            at.as_secs()
        ))?;
    }
    output::line(format_args!(
        "  http://{http}/d/{concentrator} passes on frames of DL/T 645, DL/T 698.45 and CJ/T 188",
        concentrator = city::collector()
    ))?;
    let header = if args.lan {
        "-H \"Authorization: Bearer $CITYGATE_TOKEN\" "
    } else {
        ""
    };
    let followed = farewell.map_or("em-00001", |(id, _)| id);
    output::line(format_args!(
        "Try, in another terminal:
  citygate tap --grpc {grpc} --url http://{http} --device {followed}
  mosquitto_pub -p {} -q 1 -i meter-7 -t city/meter-7/json -m '{{\"active_energy_import\": 1234.5}}'
  coap-client -m post -t json -e '{{\"water_volume\": 7.25}}' coap://{coap}/t/meter-8/json
  curl -s {header}http://{http}/v1/devices/meter-7/readings
  curl -s {header}http://{http}/v1/strangers
  curl -s {header}http://{http}/v1/accounting
  python3 examples/subscriber.py {grpc} readings.db
Ctrl-C ends it.",
        mqtt.port()
    ))
}

//! The device registry, as a whole.
use super::{alone, counters, double, gauges};
use crate::api::Shared;
use crate::devices::{Level, State};
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;
use std::time::Duration;

pub(super) fn devices(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let counts = shared.devices.counts();
    let stats = shared.devices.stats();
    let words = State::ALL.iter().map(|state| state.word());
    let rows = words.zip(counts.states);
    let rows = rows.map(|(state, count)| (vec![("state", state)], double(count)));
    gauges(out, "devices", "Devices by state", rows)?;
    let words = Level::ALL.iter().map(|level| level.word());
    let rows = words.zip(counts.healths);
    let rows = rows.map(|(level, count)| (vec![("health", level)], double(count)));
    gauges(out, "device_health", "Devices by health", rows)?;
    let help = "Devices whose last uplinks were refused";
    let row = alone(double(counts.heard_not_accepted));
    gauges(out, "devices_heard_not_accepted", help, row)?;
    let help = "Senders of whom nothing was accepted, as many as are remembered";
    gauges(out, "strangers", help, alone(double(stats.strangers)))?;
    let help = "Changes of a device's state by silence";
    let rows = [("late", stats.late), ("offline", stats.offline)];
    let rows = rows.map(|(state, count)| (vec![("state", state)], count));
    counters(out, "device_silences", help, rows)?;
    let help = "Records that the device registry is behind a log";
    let rows = [("readings", stats.lag), ("rejects", stats.rejects_lag)];
    let rows = rows.map(|(log, lag)| (vec![("log", log)], double(lag)));
    gauges(out, "devices_lag_records", help, rows)?;
    let help = "Records about devices that are not tracked, because devices.max is reached";
    counters(
        out,
        "devices_untracked_records",
        help,
        alone(stats.untracked),
    )?;
    let help = "Records that retention or damage took before the device registry read them";
    counters(out, "devices_expired_records", help, alone(stats.expired))?;
    let help = "Bytes that the device registry holds in memory";
    gauges(out, "devices_bytes", help, alone(double(stats.bytes)))?;
    let help = "How long the last save of devices took";
    let took = Duration::from_micros(stats.save_us).as_secs_f64();
    gauges(out, "devices_save_seconds", help, alone(took))
}

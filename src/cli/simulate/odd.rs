//! What makes a simulated city less than perfect.
use super::args::{duration, share_upto};
use crate::cli::Error;
use crate::sim::{Oddities, Protocol, Target, concentrator_id};
use std::path::PathBuf;
use std::time::Duration;

/// Who stands out in a city.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A city's oddities")]
pub(super) struct Odd {
    /// Interval of gas, water and heat meters, which sleep between their reports, such as 6h [default: 5m]; --rate stretches it
    #[arg(long, value_name = "TIME", value_parser = some_time, conflicts_with_all = ["max", "csv"])]
    pub(super) battery_every: Option<Duration>,
    /// Share of the devices that fall silent for good, 0 to 0.4; rounded up, as the following
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = some, conflicts_with_all = ["max", "csv"])]
    vanish: f64,
    /// Share that falls silent for a while, again and again, 0 to 0.4
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = some, conflicts_with_all = ["max", "csv"])]
    pause: f64,
    /// Share with a low battery and a weak signal, 0 to 0.4
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = some, conflicts_with_all = ["max", "csv"])]
    weak: f64,
    /// Concentrators with six meters each, over MQTT; with --vanish the first falls silent
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000), conflicts_with_all = ["max", "csv"])]
    concentrators: u16,
    /// Concentrators that pass on the frames of their eight meters, unread: one message a round on city/{device}/meters
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000), conflicts_with_all = ["max", "csv"])]
    collectors: u16,
    /// Write an inventory (CSV) that names the meters that speak frames, by their addresses
    #[arg(long, value_name = "FILE", conflicts_with_all = ["max", "csv"])]
    pub(super) inventory_file: Option<PathBuf>,
    /// Senders beside the devices of which a gateway can take nothing, each for another reason
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000), conflicts_with_all = ["max", "csv"])]
    strangers: u16,
}

impl Odd {
    /// # Errors
    /// Concentrators without an MQTT target.
    pub(super) fn oddities(&self, targets: &[Target]) -> Result<Oddities, Error> {
        let mqtt = targets
            .iter()
            .any(|target| target.protocol == Protocol::Mqtt);
        if self.concentrators > 0 && !mqtt {
            return Err(Error::Usage(
                "--concentrators speak MQTT: add --target mqtt://host:port".to_owned(),
            ));
        }
        Ok(Oddities {
            vanish: self.vanish,
            pause: self.pause,
            weak: self.weak,
            concentrators: self.concentrators.into(),
            collectors: self.collectors.into(),
            strangers: self.strangers.into(),
        })
    }

    /// MQTT client ids of the concentrators.
    pub(super) fn names(&self) -> Vec<String> {
        (0..self.concentrators.into())
            .map(concentrator_id)
            .collect()
    }
}

/// Of each oddity: together they leave some devices as usual.
const ODD_MAX: f64 = 0.4;

fn some(text: &str) -> Result<f64, String> {
    share_upto(text, ODD_MAX)
}

fn some_time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    (time >= Duration::from_secs(1))
        .then_some(time)
        .ok_or_else(|| "need 1s or more".to_owned())
}

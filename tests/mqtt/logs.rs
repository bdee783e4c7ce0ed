//! What lies in the logs of a gateway that has ended.
use citygate::log::record::Kind;
use citygate::log::{Log, Options, Start};
use citygate::model::{Clock, Reject, proto};
use prost::Message;
use std::path::Path;

#[derive(Debug, Default)]
pub struct Logs {
    pub reports: Vec<proto::Report>,
    pub events: Vec<proto::Event>,
    pub rejects: Vec<Reject>,
}

impl Logs {
    pub fn read(data_dir: &Path) -> Self {
        let mut all = Self::default();
        for name in ["log", "rejects"] {
            let options = Options {
                min_free: 0,
                ..Options::default()
            };
            let settle = Box::new(|_: &_, _| {});
            let log = Log::open(&data_dir.join(name), options, Clock::system(), settle).unwrap();
            let mut reader = log.reader(Start::Earliest).unwrap();
            loop {
                let frames = reader.read(1 << 20).unwrap();
                if frames.is_empty() {
                    break;
                }
                for (_, record) in frames.iter().flat_map(|frame| frame.records()) {
                    match record.kind {
                        Kind::Report => all
                            .reports
                            .push(proto::Report::decode(record.body).unwrap()),
                        Kind::Event => all.events.push(proto::Event::decode(record.body).unwrap()),
                        Kind::Reject => all.rejects.push(Reject::decode(record.body).unwrap()),
                        Kind::Release => {}
                    }
                }
            }
            log.close();
        }
        all
    }

    /// The values of `active_energy_import` of a device, in the order of the log.
    pub fn energies(&self, device: &str) -> Vec<u32> {
        let of_device = self
            .reports
            .iter()
            .filter(|report| report.device_id == device);
        of_device
            .flat_map(|report| &report.readings)
            .filter(|reading| reading.metric == "active_energy_import")
            .map(|reading| match reading.value {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole, as sent"
                )]
                Some(proto::reading::Value::Number(number)) => number as u32,
                ref other => panic!("{other:?}"),
            })
            .collect()
    }
}

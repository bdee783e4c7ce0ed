//! The status of a reply: flags, and an event where one is an alarm.
use super::Reply;
use crate::codecs::cjt188::piece::{Fate, Piece};
use crate::codecs::cjt188::status;
use crate::codecs::frames::hex;
use crate::codecs::{Decoded, Fault, Note, Reason, Sample, Sent};
use crate::model::proto::Severity;
use std::borrow::Cow;

impl Reply<'_> {
    pub(super) fn status(&self, own: Piece<'_>, out: &mut Decoded<'_>) {
        let Some((first, vendors)) = own.split(1) else {
            return;
        };
        let byte = first.bytes.first().copied().unwrap_or_default();
        let read = status::read(byte, self.dialect.status);
        if read.is_some() && status::is_absent(own.bytes) {
            self.no_status(own, out);
            return;
        }
        match read {
            Some(status) => self.bits(first, byte, hex(own.bytes), status, out),
            None => first.show(out, || {
                Fate::refused("status: the profile says that it means nothing")
            }),
        }
        vendors.show(out, || Fate::refused("status: the vendor's own byte"));
    }

    /// FF FF, as all that a meter does not have.
    fn no_status(&self, own: Piece<'_>, out: &mut Decoded<'_>) {
        let at = out.samples.len();
        for metric in ["valve_state", "battery_low"] {
            out.samples.push(self.flag(metric, Sent::Null));
        }
        own.show(out, || Fate {
            became: "valve_state".to_owned(),
            sample: Some(at),
            note: "not available".to_owned(),
        });
    }

    /// The byte of ST that the standard knows.
    fn bits(
        &self,
        own: Piece<'_>,
        byte: u8,
        word: String,
        status: status::Status,
        out: &mut Decoded<'_>,
    ) {
        let at = out.samples.len();
        if let Some(valve) = status.valve {
            out.samples
                .push(self.flag("valve_state", Sent::Text(Cow::Borrowed(valve))));
        } else {
            let part = out.place_of(self.group, "valve_state", None);
            let sentence = format!(
                "byte {} is {byte:02x}: its valve bits have no meaning",
                own.at
            );
            out.faults
                .push(Fault::part(Reason::UnknownWord, part, sentence));
        }
        out.samples
            .push(self.flag("battery_low", Sent::Flag(status.battery_low)));
        own.show(out, || Fate {
            became: if status.valve.is_some() {
                "valve_state"
            } else {
                "battery_low"
            }
            .to_owned(),
            sample: Some(at),
            note: status.words(),
        });
        let alarms = status
            .alarms()
            .map(|alarm| (Cow::Borrowed(alarm), Cow::Borrowed("true")));
        let mut detail: Vec<_> = alarms.collect();
        if !detail.is_empty() {
            detail.push((Cow::Borrowed("word"), Cow::Owned(word)));
            out.notes.push(Note {
                group: self.group,
                name: Cow::Borrowed("meter_alarm"),
                severity: Severity::Warning,
                detail,
            });
        }
    }

    fn flag<'a>(&self, metric: &'static str, value: Sent<'a>) -> Sample<'a> {
        Sample {
            group: self.group,
            item: None,
            metric: Cow::Borrowed(metric),
            value,
            unit: Cow::Borrowed(""),
            labels: Vec::new(),
            origin: None,
            digits: None,
        }
    }
}

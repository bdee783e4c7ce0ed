//! What a payload would become: for `citygate decode`. Nothing is appended.
use super::normalise::{Context, normalise};
use super::reject;
use crate::catalogue::Catalogue;
use crate::codecs::{self, Decoded, Fault, Faults, Limits};
use crate::model::{Quality, ReadingDraft, ReportDraft, Source, Timestamp, proto};
use jiff::tz::TimeZone;
use prost::Message;

/// What a payload is decoded as.
#[derive(Clone, Copy, Debug)]
pub struct Assumed<'a> {
    /// Name of the codec.
    pub profile: &'a str,
    /// The device's kind, for its ranges; "unknown" where not known.
    pub kind: &'a str,
    /// Zone of wall times.
    pub zone: &'a TimeZone,
    /// Time of reception.
    pub received_at: Timestamp,
    /// Most readings.
    pub readings_max: usize,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// Good, doubted and bad readings.
    pub readings: Vec<proto::Reading>,
    /// What would be rejected; a part is empty where it is the whole.
    pub faults: Vec<Fault>,
}

/// Decodes and normalises `payload` as if it had arrived.
pub fn preview(catalogue: &Catalogue, payload: &[u8], assumed: &Assumed<'_>) -> Preview {
    let mut decoded = Decoded::default();
    let limits = Limits {
        readings_max: assumed.readings_max,
    };
    let done = match codecs::named(assumed.profile) {
        Some((_, decode)) => decode(payload, limits, &mut decoded),
        None => Err(reject::unknown_profile(assumed.profile)),
    };
    if let Err(fault) = done {
        return Preview {
            readings: Vec::new(),
            faults: vec![fault],
        };
    }
    let mut faults: Faults = std::mem::take(&mut decoded.faults);
    let context = Context {
        catalogue,
        kind: assumed.kind,
        zone: assumed.zone,
        received_at: assumed.received_at,
    };
    let mut readings: Vec<ReadingDraft<'_>> = Vec::new();
    let all = 0..decoded.samples.len();
    normalise(
        &decoded,
        all,
        &context,
        &mut readings,
        &mut Vec::new(),
        &mut faults,
    );
    let mut bytes = Vec::new();
    ReportDraft {
        device_id: "",
        kind: assumed.kind,
        district: "",
        profile: assumed.profile,
        received_at: assumed.received_at,
        source: Source::Mqtt,
        readings,
        node: "",
        via: "",
    }
    .encode(&mut bytes);
    let report = proto::Report::decode(bytes.as_slice());
    Preview {
        readings: report.map(|report| report.readings).unwrap_or_default(),
        faults: faults
            .list()
            .iter()
            .cloned()
            .chain(faults.summary())
            .collect(),
    }
}

/// The name of a reading's quality, as printed.
pub fn quality_name(reading: &proto::Reading) -> &'static str {
    let number = u64::try_from(reading.quality).unwrap_or_default();
    Quality::from_number(number).map_or("QUALITY_UNSPECIFIED", Quality::json_name)
}

//! What a payload would become: for `citygate decode` and a device's timeline. Nothing is appended.
use super::normalise::{Context, Register, normalise};
use super::route::Shape;
use super::take::next_run;
use super::{Intake, Knowledge, reject};
use crate::catalogue::Catalogue;
use crate::codecs::{Decoded, Fault, Faults, Limits, json};
use crate::model::{self, Quality, ReadingDraft, ReportDraft, Timestamp, proto};
use crate::profiles::{Around, Codec};
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
    /// Where each reading comes from.
    pub origins: Vec<Place>,
    /// What would be rejected; a part is empty where it is the whole.
    pub faults: Vec<Fault>,
}

/// Where in a payload a reading comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The device that the payload names; "": the one that sent it.
    pub device: String,
    /// `voltage`, `[2].voltage`, `meter-7[2].voltage[1]`.
    pub path: String,
}

/// An uplink as the logs keep it.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Where it came in.
    pub source: model::Source,
    /// Topic or path, without access tokens.
    pub topic: &'a str,
    /// The profile that read it.
    pub profile: &'a str,
    /// The device's kind, for its ranges.
    pub kind: &'a str,
    /// When it came.
    pub received_at: Timestamp,
    /// All of it.
    pub payload: &'a [u8],
}

impl Intake {
    /// What would become of an uplink if it came once more, by the routes and the catalogue of now.
    /// Nothing is appended, and nobody is asked whether the device may report.
    pub fn again(&self, kept: &Kept<'_>) -> Preview {
        let settings = self.settings();
        let Some(target) = settings.routes.find(kept.topic, kept.source) else {
            return Preview::refused(reject::no_route(kept.source, kept.topic));
        };
        let decode = match target.shape {
            Shape::Telemetry => settings.knowledge.profiles.find(kept.profile),
            Shape::Gateway => Some(Codec::BuiltIn("json", json::gateway)),
            // It gave an event, which says what there was.
            Shape::Attributes | Shape::Child(_) => return Preview::default(),
        };
        let assumed = Assumed {
            profile: kept.profile,
            kind: kept.kind,
            zone: &self.zone,
            received_at: kept.received_at,
            readings_max: settings.readings_max,
        };
        decoded(
            &self.catalogue,
            &settings.knowledge,
            kept.payload,
            &assumed,
            decode,
        )
    }
}

impl Preview {
    fn refused(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            ..Self::default()
        }
    }
}

/// Decodes and normalises `payload` as if it had arrived.
pub fn preview(
    catalogue: &Catalogue,
    knowledge: &Knowledge,
    payload: &[u8],
    assumed: &Assumed<'_>,
) -> Preview {
    let codec = knowledge.profiles.find(assumed.profile);
    decoded(catalogue, knowledge, payload, assumed, codec)
}

fn decoded(
    catalogue: &Catalogue,
    knowledge: &Knowledge,
    payload: &[u8],
    assumed: &Assumed<'_>,
    codec: Option<Codec<'_>>,
) -> Preview {
    let Some(codec) = codec else {
        let names = knowledge.profiles.names();
        return Preview::refused(reject::unknown_profile(assumed.profile, &names));
    };
    let mut decoded = Decoded::default();
    let profile_of = |name: &str| knowledge.profile_of(name, assumed.received_at);
    let around = Around {
        limits: Limits {
            readings_max: assumed.readings_max,
        },
        profiles: &knowledge.profiles,
        profile_of: &profile_of,
    };
    if let Err(fault) = codec.decode(payload, around, &mut decoded) {
        return Preview::refused(fault);
    }
    let mut faults: Faults = std::mem::take(&mut decoded.faults);
    let context = Context {
        catalogue,
        kind: assumed.kind,
        zone: assumed.zone,
        received_at: assumed.received_at,
        register: Register::default(),
    };
    let mut preview = Preview::default();
    let mut run = 0..0;
    while let Some(next) = next_run(&decoded, run.end) {
        run = next;
        let (mut readings, mut origins) = (Vec::new(), Vec::new());
        let of_run = run.clone();
        normalise(
            &decoded,
            of_run,
            &context,
            &mut readings,
            &mut origins,
            &mut faults,
        );
        preview.readings.extend(messages(readings, assumed));
        preview.origins.extend(origins.iter().map(|origin| Place {
            device: origin.device(&decoded).unwrap_or_default().to_owned(),
            path: origin.place(&decoded),
        }));
    }
    preview.faults = faults.list().to_vec();
    preview.faults.extend(faults.summary());
    preview
}

/// Readings as a report would have them.
fn messages(readings: Vec<ReadingDraft<'_>>, assumed: &Assumed<'_>) -> Vec<proto::Reading> {
    let mut bytes = Vec::new();
    ReportDraft {
        device_id: "",
        kind: assumed.kind,
        district: "",
        profile: assumed.profile,
        received_at: assumed.received_at,
        source: model::Source::Mqtt,
        readings,
        node: "",
        via: "",
    }
    .encode(&mut bytes);
    let report = proto::Report::decode(bytes.as_slice());
    report.map(|report| report.readings).unwrap_or_default()
}

/// The name of a reading's quality, as printed.
pub fn quality_name(reading: &proto::Reading) -> &'static str {
    let number = u64::try_from(reading.quality).unwrap_or_default();
    Quality::from_number(number).map_or("QUALITY_UNSPECIFIED", Quality::json_name)
}

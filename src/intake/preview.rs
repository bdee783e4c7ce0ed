//! What a payload would become: for `citygate decode` and a device's timeline. Nothing is appended.
use super::normalise::{Context, Register, normalise};
use super::report::Sender;
use super::route::{Shape, Target};
use super::take::next_run;
use super::{Intake, Knowledge, reject};
use crate::catalogue::Catalogue;
use crate::codecs::{Decode, Decoded, Fault, Faults, Limits, json};
use crate::inventory::Entry;
use crate::model::proto::Severity;
use crate::model::{self, Quality, ReadingDraft, ReportDraft, Timestamp, proto};
use crate::profiles::{Around, Codec, Trace, Traced};
use jiff::tz::TimeZone;
use prost::Message;

/// What a payload is decoded as.
#[derive(Clone, Copy, Debug)]
pub struct Assumed<'a> {
    /// Name of the codec.
    pub profile: &'a str,
    /// Who sends it, for what the inventory knows of it; "": who the payload says, else nobody known.
    pub device: &'a str,
    /// The device's kind, for its ranges, where the inventory has none; "unknown": the profile's.
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
    /// Who sent it, where the payload itself says so; else "".
    pub sender: String,
    /// Events that it says.
    pub events: Vec<Said>,
    /// The devices that it names, as the inventory knows them; empty where there is no inventory.
    pub devices: Vec<Known>,
    /// The payload piece by piece, what was ignored included; empty of JSON, CBOR and `SenML`, where every
    /// piece is a reading or a fault.
    pub pieces: Vec<Piece>,
}

/// An event of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `meter_error`, `platform_online`, ..
    pub name: String,
    /// The device that the payload names; "": the one that sent it.
    pub device: String,
    /// How bad it is.
    pub severity: Severity,
    /// Names and values.
    pub detail: Vec<(String, String)>,
}

/// A device that a payload names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// As the payload names it.
    pub named: String,
    /// Its id in the inventory; "": that has none of this name.
    pub id: String,
    /// Its kind, or "".
    pub kind: String,
    /// Why nothing of it would be taken; "" where it would.
    pub refused: String,
}

/// A piece of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its place, what was sent, and what it became.
    pub traced: Traced,
    /// Index into [`Preview::readings`], where it became one.
    pub reading: Option<usize>,
}

/// Where in a payload a reading comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The device that the payload names; "": the one that sent it.
    pub device: String,
    /// That device is the one that sent it.
    pub is_own: bool,
    /// `voltage`, `[2].voltage`, `meter-7[2].voltage[1]`.
    pub path: String,
    /// Index into [`Decoded::samples`].
    pub sample: usize,
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
    /// Who sent it; "" where that is not known.
    pub device: &'a str,
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
            Shape::Gateway => Some(Codec::BuiltIn("json", Decode::Plain(json::gateway))),
            // It gave an event, which says what there was.
            Shape::Attributes | Shape::Child(_) => return Preview::default(),
        };
        let assumed = Assumed {
            profile: kept.profile,
            device: kept.device,
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
    let profile_of = |name: &str| knowledge.given(name, assumed.received_at);
    let around = Around {
        limits: Limits {
            readings_max: assumed.readings_max,
        },
        profiles: &knowledge.profiles,
        profile_of: &profile_of,
    };
    let (frames, mut traced) = match codec {
        Codec::File(profile) if !profile.is_frames() => {
            (false, profile.trace(payload, around).pieces)
        }
        Codec::File(_) => (true, Vec::new()),
        Codec::BuiltIn(_, decode) => (decode.is_frames(), Vec::new()),
    };
    // Of a document this is what lies in its inner payload.
    if frames || !traced.is_empty() {
        decoded.trace = Some(Trace::default());
    }
    let done = codec.decode(payload, around, &mut decoded);
    if let Some(trace) = decoded.trace.take() {
        traced.extend(trace.pieces);
    }
    if let Err(fault) = done {
        return Preview {
            pieces: pieces(traced, &[]),
            ..Preview::refused(fault)
        };
    }
    let mut faults: Faults = std::mem::take(&mut decoded.faults);
    let sender = sender(knowledge, &decoded, assumed, codec);
    let mut preview = Preview {
        sender: decoded.sender.as_deref().unwrap_or_default().to_owned(),
        events: said(&decoded),
        devices: known(knowledge, &decoded, &sender, assumed.received_at),
        ..Preview::default()
    };
    let at = assumed.received_at;
    let mut run = 0..0;
    while let Some(next) = next_run(&decoded, run.end) {
        run = knowledge.of_one(&sender, &decoded, next, at);
        let group = decoded.samples.get(run.start).map_or(0, |s| s.group);
        let entry = match knowledge.of_group(&sender, &decoded, group, at) {
            Ok(of) => of.entry,
            // Nobody is asked whether it may report.
            Err(_) => {
                let named = decoded.device_of(group).unwrap_or_default();
                knowledge.of_address(&decoded, named, at)
            }
        };
        let context = Context {
            catalogue,
            kind: kind(entry, assumed, codec),
            zone: entry.and_then(Entry::zone).unwrap_or(assumed.zone),
            received_at: at,
            register: Register::of(entry),
        };
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
            is_own: !sender.own.is_empty() && origin.device(&decoded) == Some(sender.own),
            path: origin.place(&decoded),
            sample: origin.sample(),
        }));
    }
    preview.faults = faults.list().to_vec();
    preview.faults.extend(faults.summary());
    preview.pieces = pieces(traced, &preview.origins);
    preview
}

/// Who sends it: who the payload says, else who is assumed to.
fn sender<'a>(
    knowledge: &'a Knowledge,
    decoded: &'a Decoded<'_>,
    assumed: &Assumed<'a>,
    codec: Codec<'a>,
) -> Sender<'a> {
    let named = decoded.sender.as_deref().unwrap_or(assumed.device);
    let entry = knowledge.entry(named, assumed.received_at);
    let sender = Sender {
        device: entry.map_or(named, Entry::id),
        entry,
        target: Target::nowhere(),
        codec,
        again: None,
        via: "",
        site: assumed.zone,
        own: "",
    };
    Sender {
        own: knowledge.sole_address(&sender, decoded),
        ..sender
    }
}

fn said(decoded: &Decoded<'_>) -> Vec<Said> {
    let notes = decoded.notes.iter();
    let said = notes.map(|note| Said {
        name: note.name.to_string(),
        device: decoded.device_of(note.group).unwrap_or_default().to_owned(),
        severity: note.severity,
        detail: note
            .detail
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    });
    said.collect()
}

fn known(
    knowledge: &Knowledge,
    decoded: &Decoded<'_>,
    sender: &Sender<'_>,
    at: Timestamp,
) -> Vec<Known> {
    if knowledge.inventory.is_absent() {
        return Vec::new();
    }
    let mut all: Vec<Known> = Vec::new();
    for named in &decoded.devices {
        if all.iter().any(|known| known.named == **named) {
            continue;
        }
        let is_own = *sender.own == **named;
        let own = is_own.then_some(sender.entry);
        let entry = own.unwrap_or_else(|| knowledge.of_address(decoded, named, at));
        let refused = if is_own {
            None
        } else {
            knowledge.of_named(sender, named, entry, at).err()
        };
        all.push(Known {
            named: named.to_string(),
            id: entry.map_or("", Entry::id).to_owned(),
            kind: entry.map_or("", Entry::kind).to_owned(),
            refused: refused.map(|fault| fault.sentence).unwrap_or_default(),
        });
    }
    all
}

fn kind<'a>(entry: Option<Entry<'a>>, assumed: &Assumed<'a>, codec: Codec<'a>) -> &'a str {
    let of_device = entry.map(Entry::kind).unwrap_or_default();
    match (of_device, assumed.kind) {
        ("", "unknown" | "") if !codec.kind().is_empty() => codec.kind(),
        ("", assumed) => assumed,
        (of_device, _) => of_device,
    }
}

fn pieces(traced: Vec<Traced>, origins: &[Place]) -> Vec<Piece> {
    let reading_of = |sample| origins.iter().position(|origin| origin.sample == sample);
    let piece = |traced: Traced| Piece {
        reading: traced.sample.and_then(reading_of),
        traced,
    };
    traced.into_iter().map(piece).collect()
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

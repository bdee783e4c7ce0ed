#![allow(
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
use crate::catalogue::Catalogue;
use crate::codecs::{Decoded, Fault, Limits, Sent};
use crate::profiles::{Around, Profile, Profiles, Spot, Trace};

mod bounds;
mod fields;
mod random;
mod refused;
mod vectors;

const LIMITS: Limits = Limits {
    readings_max: 1_000,
};

/// A profile named `x`, or its mistakes.
fn parse(text: &str) -> Result<Profile, Vec<String>> {
    let text = format!("name = 'x'\nversion = '1'\nformat = 'binary'\n{text}");
    Profile::parse("profiles/x.toml", &text, &Catalogue::shipped())
        .map_err(|all| all.iter().map(ToString::to_string).collect())
}

fn profile(text: &str) -> Profile {
    parse(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    crate::profiles::inner::hex(hex.as_bytes()).expect("hex")
}

fn decode(profile: &Profile, payload: &[u8]) -> Result<Decoded<'static>, Fault> {
    let profiles = Profiles::default();
    let around = Around {
        limits: LIMITS,
        profiles: &profiles,
        profile_of: &|_| None,
    };
    let mut out = Decoded::default();
    profile.decode(payload, around, &mut out)?;
    let mut owned = Decoded::default();
    out.move_to(&mut owned);
    Ok(owned)
}

fn trace(profile: &Profile, payload: &[u8]) -> Trace {
    let profiles = Profiles::default();
    let around = Around {
        limits: LIMITS,
        profiles: &profiles,
        profile_of: &|_| None,
    };
    profile.trace(payload, around)
}

/// One line a piece: `8..10 "12" battery_voltage #0 note`.
fn lines(trace: &Trace) -> Vec<String> {
    let line = |piece: &crate::profiles::Traced| {
        let Spot::Bytes(range) = &piece.spot else {
            panic!("bytes have no paths");
        };
        let sample = piece.sample.map_or(String::new(), |at| format!(" #{at}"));
        let note = if piece.note.is_empty() {
            String::new()
        } else {
            format!(" ({})", piece.note)
        };
        format!("{range:?} {} -> {}{sample}{note}", piece.sent, piece.became)
    };
    trace.pieces.iter().map(line).collect()
}

/// One line a sample: `[0].voltage = 229.8`, with its labels.
fn readings(decoded: &Decoded<'_>) -> Vec<String> {
    let line = |sample: &crate::codecs::Sample<'_>| {
        let place = decoded.place_of(sample.group, &sample.metric, sample.item);
        let value = match &sample.value {
            Sent::Number(number, _) => number.to_string(),
            other => format!("{other:?}"),
        };
        let labels: Vec<String> = sample
            .labels
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        format!("{place} = {value}{}", labels.concat())
    };
    decoded.samples.iter().map(line).collect()
}

fn faults(decoded: &Decoded<'_>) -> Vec<String> {
    let faults = decoded.faults.list().iter();
    faults
        .map(|fault| format!("{} {}: {}", fault.reason, fault.part, fault.sentence))
        .collect()
}

/// A number without text.
fn number<'a>(number: f64) -> Sent<'a> {
    Sent::Number(number, "".into())
}

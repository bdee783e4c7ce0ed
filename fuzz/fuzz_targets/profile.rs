#![no_main]
//! Whatever bytes come, for every profile that is shipped and some that are laid out to hurt: no panic, no more readings
//! and bad parts than the bound, no more memory than a factor of the payload, and a trace that leaves out no byte.
use citygate::catalogue::Catalogue;
use citygate::codecs::{Decoded, Limits};
use citygate::profiles::{Around, Profile, Profiles, Spot};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const LIMITS: Limits = Limits { readings_max: 100 };

/// Counts, lengths and offsets out of the payload, everywhere.
const HOSTILE: [&str; 6] = [
    "time = { at = -4, type = 'u32' }
     value = [{ metric = 'voltage', at = -6, type = 'i16', optional = true }, { metric = 'current', at = 65535, type = 'u64' }]
     [[repeat]]
     at = 2
     size = 1
     count = { at = 0, type = 'u64' }
     value = [{ metric = 'voltage', at = 0, type = 'u8' }]",
    "value = [{ metric = 'voltage', at = -1, type = 'bcd', length = 1, absent = 'FF' }]
     [[repeat]]
     at = 1
     size = 2
     behind = 1
     count = { at = 0, type = 'u8' }
     step = { at = 0, type = 'u8', unit = 'h', back = true }
     device = { at = 0, type = 'digits', length = 1 }
     value = [{ metric = 'voltage', at = 0, type = 'i16', sign = 'magnitude' }, { metric = 'current', at = -1, type = 'u8' }]
     [[repeat]]
     at = -9
     size = 3
     count = 65535
     value = [{ metric = 'firmware_version', at = 0, type = 'text', length = 3 }]",
    "items = { key = 1, length = 'u8', at = 1, bytes = { at = 0, type = 'u8' } }
     [[item]]
     key = '00'
     value = [{ metric = 'voltage', type = 'f32', optional = true, label.channel = { at = 0, type = 'u8' } }]
     [[item]]
     key = 'ff'
     time = { at = -6, type = 'digits', length = 6, format = '%y%m%d%H%M%S' }
     value = [{ metric = 'firmware_version', at = -1, type = 'hex', length = 1, when = { at = 0, type = 'u8', is = [0, 1] } }]",
    "items = { key = 2, behind = 2 }
     encoding = 'hex'
     [[item]]
     key = '0000'
     size = 0
     [[item]]
     key = '0001'
     size = 5
     value = [{ metric = 'voltage', type = 'f32', scale = 0.1 }, { metric = 'leak', at = 4, type = 'u8', bit = 7 }]",
    "encoding = 'base64'
     device = { at = 0, type = 'text', length = 2, via = { at = 1, type = 'hex', length = 1 } }
     inner = { at = 2, bytes = { at = 1, type = 'u8' }, encoding = 'text', profile = 'x0' }",
    "event = [{ name = 'a', when = [{ at = 0, type = 'u8', is = 1 }, { at = -1, type = 'u8', is = 2 }], \
               detail = [{ name = 'b', at = 1, type = 'text', length = 4 }] }]",
];

/// Those that are shipped, and these.
static PROFILES: LazyLock<[Profiles; 2]> = LazyLock::new(|| {
    let catalogue = Catalogue::shipped();
    let hostile = HOSTILE.iter().enumerate().map(|(at, text)| {
        let text = format!("name = 'x{at}'\nversion = '1'\nformat = 'binary'\n{text}");
        Profile::parse(&format!("x{at}.toml"), &text, &catalogue).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
    });
    [Profiles::shipped(&catalogue), Profiles::of(hostile).expect("no inner of an inner")]
});

// The first byte chooses the profile.
fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let sets = PROFILES.iter();
    let all: Vec<_> = sets.flat_map(|set| set.iter().map(move |profile| (set, profile))).collect();
    let Some((profiles, profile)) = all.get(usize::from(*choice) % all.len()).copied() else {
        return;
    };
    let around = || Around {
        limits: LIMITS,
        profiles,
        profile_of: &|_| None,
    };
    let mut out = Decoded::default();
    let _ = profile.decode(payload, around(), &mut out);
    assert!(out.samples.len() <= LIMITS.readings_max);
    assert!(out.groups.len() <= 2 * (payload.len() + 2) + LIMITS.readings_max);
    let trace = profile.trace(payload, around());
    let mut seen = 0;
    for piece in &trace.pieces {
        if let Spot::Bytes(range) = &piece.spot {
            assert!(range.start <= seen, "bytes {seen} to {} are left out", range.start);
            seen = seen.max(range.end);
        }
    }
});

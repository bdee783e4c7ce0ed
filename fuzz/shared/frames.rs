//! What the targets of meters' protocols have in common: frames whose checks hold around whatever bytes come, and what must
//! be true of every payload.
use citygate::codecs::{self, Decoded, Dialect, Limits, Spot, Told, Trace};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const LIMITS: Limits = Limits { readings_max: 1_000 };
/// Bytes that decoding may hold for each byte of the payload, and for any at all: two bytes of a status word are ten flags
/// of some 250 bytes each; faults and texts are bounded by their number.
const FACTOR: usize = 2_048;
const BASE: usize = 64 << 10;

/// Counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's allocator's; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Decodes `payload` by the codec of this name, with and without a trace.
fn check(codec: &str, payload: &[u8]) {
    let (_, decode) = codecs::named(codec).expect("a codec of the table");
    let told = || Told {
        limits: LIMITS,
        dialect: Dialect::default(),
        dialect_of: &|_| None,
    };
    let mut out = Decoded::default();
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let done = decode.decode(payload, told(), &mut out);
    let held = PEAK.load(Relaxed) - before;
    assert!(held <= BASE + FACTOR * payload.len(), "{held} bytes held for {}", payload.len());
    assert!(out.samples.len() <= LIMITS.readings_max);
    assert!(out.groups.len() <= payload.len() + LIMITS.readings_max);
    for sample in &out.samples {
        assert!(out.group(sample.group).is_some(), "a sample without a group");
    }

    let mut traced = Decoded {
        trace: Some(Trace::default()),
        ..Decoded::default()
    };
    let again = decode.decode(payload, told(), &mut traced);
    assert_eq!(done, again, "a trace changes nothing");
    assert_eq!(out.samples, traced.samples);
    let mut seen = 0;
    for piece in traced.trace.unwrap_or_default().pieces {
        if let Spot::Bytes(range) = piece.spot {
            assert!(range.start <= seen, "bytes {seen} to {} are left out", range.start);
            seen = seen.max(range.end);
        }
    }
}

/// The first byte chooses: the rest as it is, or cut into pieces (a length, then so many bytes) that `frame` puts into
/// frames whose checks hold.
pub fn run(codec: &str, bytes: &[u8], frame: impl Fn(&[u8], &mut Vec<u8>)) {
    let Some((choice, mut rest)) = bytes.split_first() else {
        return;
    };
    if choice & 1 == 0 {
        return check(codec, rest);
    }
    let mut payload = Vec::new();
    while let Some((len, after)) = rest.split_first() {
        let (piece, after) = after.split_at(usize::from(*len).min(after.len()));
        frame(piece, &mut payload);
        rest = after;
    }
    check(codec, &payload);
}

/// DL/T 645: control and data, which are moved by 0x33.
#[allow(dead_code, reason = "each target has its own")]
pub fn dlt645(piece: &[u8], out: &mut Vec<u8>) {
    let Some((control, data)) = piece.split_first() else {
        return;
    };
    let data = &data[..data.len().min(200)];
    let start = out.len();
    out.extend([0x68, 0x61, 1, 0, 0, 0, 0, 0x68, *control, data.len() as u8]);
    out.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    finish(start, out);
}

/// CJ/T 188: type, control and data.
#[allow(dead_code, reason = "each target has its own")]
pub fn cjt188(piece: &[u8], out: &mut Vec<u8>) {
    let [kind, control, data @ ..] = piece else {
        return;
    };
    let data = &data[..data.len().min(200)];
    let start = out.len();
    out.extend([0x68, *kind, 0x44, 0x33, 0x22, 0x11, 0, 0x33, 0x78, *control, data.len() as u8]);
    out.extend(data);
    finish(start, out);
}

/// DL/T 698.45: control and APDU.
#[allow(dead_code, reason = "each target has its own")]
pub fn dlt698(piece: &[u8], out: &mut Vec<u8>) {
    let Some((control, apdu)) = piece.split_first() else {
        return;
    };
    let start = out.len() + 1;
    let len = 2 + 1 + 1 + 6 + 1 + 2 + apdu.len() + 2;
    out.push(0x68);
    out.extend((len as u16).to_le_bytes());
    out.extend([*control, 0x05, 1, 0, 0x20, 3, 0x25, 1, 0]);
    out.extend(x25(&out[start..]).to_le_bytes());
    out.extend(apdu);
    out.extend(x25(&out[start..]).to_le_bytes());
    out.push(0x16);
}

fn finish(start: usize, out: &mut Vec<u8>) {
    let sum = out[start..].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    out.extend([sum, 0x16]);
}

/// CRC-16/X.25.
fn x25(bytes: &[u8]) -> u16 {
    let step = |crc: u16| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
    !bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| step(crc))
    })
}

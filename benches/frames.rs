//! Nanoseconds per frame and per reading of the protocols of meters: `cargo bench --bench frames`.
//!
//! Decoded into memory that is used again, as intake does. The least of many rounds, and its CPU time:
//! whatever else runs on the machine only makes a round longer.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
use citygate::codecs::{self, Decoded, Dialect, Limits, Told};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 200;
/// Bytes of a round: rounds take about equally long whatever the message.
const ROUND_BYTES: usize = 200_000;
const LIMITS: Limits = Limits {
    readings_max: 10_000,
};

/// Name, codec, frames in hex. Sources are those of the codecs' own fixtures.
const FRAMES: [(&str, &str, &str); 7] = [
    (
        "DL/T 645, one energy",
        "dlt645",
        "68610100000000 68910833333433593333338a16",
    ),
    (
        "DL/T 645, a block of three voltages",
        "dlt645",
        "fefefefe6894410326121868910a33323435365633333333b916",
    ),
    (
        "DL/T 645, energy of four tariffs",
        "dlt645",
        "fefefefe6824020000000068911833323433c747353337863333a78633333687333344873333eb16",
    ),
    (
        "CJ/T 188, water",
        "cjt188",
        "6810443322110033788116901f00007766552c007766552c3101221105152021841316",
    ),
    (
        "CJ/T 188, heat",
        "cjt188",
        "6820512131170011 11812e1f901200000000050000000005000000001400000000 35190000002c763000683000730200324111120907200400e916",
    ),
    (
        "DL/T 698.45, three voltages",
        "dlt698",
        "682400c305010020032501000e29850100200002000101031208c11200001200000000f2ec16",
    ),
    (
        "a request, which gives no reading",
        "dlt645",
        "68aaaaaaaaaaaa68110433333433ae16",
    ),
];
/// Frames of a concentrator's uplink: each of the above but the request, ten times, with line noise between.
const ROUNDS_OF_METERS: usize = 10;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// What a concentrator sends.
fn concentrator() -> Vec<u8> {
    let mut payload = b"\x7bDTU-0017:".to_vec();
    for _ in 0..ROUNDS_OF_METERS {
        for (_, _, frame) in &FRAMES[..6] {
            payload.extend(hex(frame));
            payload.extend([0xfe, 0xff]);
        }
    }
    payload
}

/// The least time of one message, and what it gave.
fn measure(codec: &str, payload: &[u8]) -> (f64, usize) {
    let (_, decode) = codecs::named(codec).unwrap();
    let told = || Told {
        limits: LIMITS,
        dialect: Dialect::default(),
        dialect_of: &|_| None,
    };
    let messages = u32::try_from((ROUND_BYTES / payload.len()).max(1)).unwrap();
    let mut least = Duration::MAX;
    let mut memory = Decoded::default();
    let mut readings = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..messages {
            let mut decoded: Decoded<'_> = memory;
            // Of what is no frame the refusal is measured.
            let _ = black_box(decode.decode(black_box(payload), told(), &mut decoded));
            readings = black_box(&decoded).samples.len();
            memory = decoded.recycle();
        }
        least = least.min(start.elapsed());
    }
    (least.as_nanos() as f64 / f64::from(messages), readings)
}

fn main() {
    println!("| payload | bytes | readings | ns per payload | ns per frame | ns per reading |");
    println!("|---|---|---|---|---|---|");
    let row = |name: &str, codec: &str, payload: &[u8], frames: usize| {
        let (ns, readings) = measure(codec, payload);
        let each = |of: usize| match of {
            0 => "-".to_owned(),
            of => format!("{:.0}", ns / of as f64),
        };
        println!(
            "| {name} | {} | {readings} | {ns:.0} | {} | {} |",
            payload.len(),
            each(frames),
            each(readings)
        );
    };
    for (name, codec, frame) in FRAMES {
        row(name, codec, &hex(frame), 1);
    }
    let meters = concentrator();
    row(
        "a concentrator: six frames ten times, with a header and noise",
        "meters",
        &meters,
        6 * ROUNDS_OF_METERS,
    );
    row("64 KiB of 0x68: no frame", "meters", &vec![0x68; 65_536], 0);
}

//! A model test: any order of appends, crashes at any byte, restarts and readers.
use crate::support::{append, open, read_all, read_from_start, segments};
use citygate::log::{Cursor, CursorError, Start};
use proptest::prelude::*;
use std::path::Path;

#[derive(Clone, Debug)]
enum Step {
    /// A group of so many records of this size.
    Append(usize, usize),
    /// Close and open again.
    Restart,
    /// Stop, cut what a power cut may cut off the last segment (behind the synced bytes), or append
    /// garbage there, and open again.
    TornTail(Vec<u8>),
    /// A reader goes on from its cursor.
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..20, prop_oneof![0usize..200, 30_000usize..70_000])
            .prop_map(|(count, size)| Step::Append(count, size)),
        1 => Just(Step::Restart),
        2 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::TornTail),
        2 => Just(Step::Read),
    ]
}

fn append_garbage(dir: &Path, garbage: &[u8]) {
    use std::io::Write;
    let path = segments(dir).pop().unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(garbage).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_settled_is_read_once_in_order(steps in prop::collection::vec(step(), 1..30), fill: u8) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path());
        let mut expected: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut cursor = log.cursor(log.watermark());
        let mut seen = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(count, size) => {
                    let bodies: Vec<Vec<u8>> = (0..count)
                        .map(|n| {
                            let mut body = format!("{number}/{n}/").into_bytes();
                            body.resize(body.len() + size, fill);
                            body
                        })
                        .collect();
                    let first = append(&log, &bodies);
                    expected.extend((first..).zip(bodies));
                }
                Step::Restart => {
                    log.close();
                    drop(log);
                    log = open(dir.path());
                }
                Step::TornTail(garbage) => {
                    log.close();
                    drop(log);
                    append_garbage(dir.path(), &garbage);
                    log = open(dir.path());
                }
                Step::Read => {
                    let mut reader = log.reader(Start::After(cursor)).unwrap();
                    seen.extend(read_all(&mut reader));
                    cursor = log.cursor(reader.position() - 1);
                }
            }
            prop_assert_eq!(log.watermark() + 1, expected.last().map_or(log.watermark(), |(last, _)| *last) + 1);
        }
        seen.extend(read_all(&mut log.reader(Start::After(cursor)).unwrap()));
        prop_assert_eq!(&seen, &expected);
        prop_assert_eq!(read_from_start(&log), expected);
    }

    /// A power cut may leave any prefix of the last, unsynced group.
    #[test]
    fn a_crash_at_any_byte_keeps_all_earlier_groups(cut: prop::sample::Index, size in 1usize..3000) {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        append(&log, &[b"first".to_vec(), b"second".to_vec()]);
        let synced = std::fs::metadata(&segments(dir.path())[0]).unwrap().len();
        append(&log, &[vec![7; size]]);
        log.close();
        drop(log);
        let path = segments(dir.path())[0].clone();
        let whole = std::fs::metadata(&path).unwrap().len();
        let at = synced + cut.index(usize::try_from(whole - synced).unwrap()) as u64;
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(at).unwrap();
        let log = open(dir.path());
        let bodies: Vec<Vec<u8>> = read_from_start(&log).into_iter().map(|(_, body)| body).collect();
        prop_assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec()]);
        append(&log, &[b"third".to_vec()]);
        prop_assert_eq!(read_from_start(&log).len(), 3);
    }

    /// A flipped bit costs at most the frame that it is in, is reported, and the rest stays readable.
    #[test]
    fn a_flipped_bit_is_never_read_as_data(at: prop::sample::Index, bit in 0u8..8) {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        let bodies: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 300]).collect();
        for body in &bodies {
            append(&log, std::slice::from_ref(body));
        }
        log.close();
        drop(log);
        let path = segments(dir.path())[0].clone();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, &bytes).unwrap();
        let log = open(dir.path());
        let read: Vec<Vec<u8>> = read_from_start(&log).into_iter().map(|(_, body)| body).collect();
        prop_assert!(read.len() >= 19, "{} of 20 left", read.len());
        prop_assert!(read.iter().all(|body| bodies.contains(body)));
    }
}

#[test]
fn a_replaced_log_refuses_old_cursors() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, &[b"x".to_vec()]);
    let cursor = log.cursor(log.watermark());
    log.close();
    drop(log);
    std::fs::remove_dir_all(dir.path()).unwrap();
    let log = open(dir.path());
    let text = cursor.to_string();
    let cursor: Cursor = text.parse().unwrap();
    let refused = log.reader(Start::After(cursor)).unwrap_err();
    assert!(matches!(refused, CursorError::OtherLog { .. }), "{refused}");
    let future = log.cursor(log.watermark() + 1);
    let refused = log.reader(Start::After(future)).unwrap_err();
    assert!(matches!(refused, CursorError::Future { .. }), "{refused}");
}

#[test]
fn a_second_process_finds_the_log_locked() {
    let dir = tempfile::tempdir().unwrap();
    let _log = open(dir.path());
    let again = citygate::log::inspect::Folder::open(dir.path()).unwrap_err();
    assert!(again.to_string().contains("in use"), "{again}");
}

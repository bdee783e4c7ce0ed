//! Damage in the middle, and what `log check` says of it.
use crate::support::{append, noise, open, read_from_start, segments};
use citygate::log::inspect::Folder;
use citygate::log::{ReadError, Start};

#[test]
fn a_sealed_segment_cut_short_is_reported_with_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    // LZ4 cannot shrink them, so that each segment holds few groups.
    let mut sequences = Vec::new();
    for seed in 1..=12 {
        sequences.push(append(&log, &[noise(seed, 300_000)]));
    }
    log.close();
    drop(log);
    let files = segments(dir.path());
    assert!(files.len() >= 3, "{}", files.len());
    let len = std::fs::metadata(&files[0]).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&files[0])
        .unwrap()
        .set_len(len - 10)
        .unwrap();

    let check = Folder::open(dir.path()).unwrap().check().unwrap();
    assert!(check[0].trailing_bytes > 0);
    assert_eq!(check[1].trailing_bytes, 0);

    let log = open(dir.path());
    let mut reader = log.reader(Start::Earliest).unwrap();
    let mut lost = Vec::new();
    let mut read = 0;
    loop {
        match reader.read(1) {
            Ok(frames) if frames.is_empty() => break,
            Ok(frames) => read += frames.len(),
            Err(ReadError::Damaged { from, to, .. }) => lost.push((from, to)),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].0, lost[0].1);
    assert!(sequences.contains(&lost[0].0));
    assert_eq!(read, sequences.len() - 1);
}

#[test]
fn a_lost_header_of_the_only_segment_keeps_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, &[b"kept".to_vec()]);
    log.close();
    drop(log);
    let path = segments(dir.path())[0].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..64].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let log = open(dir.path());
    assert_eq!(read_from_start(&log).len(), 1);
}

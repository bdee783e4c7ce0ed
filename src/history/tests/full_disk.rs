//! A disk that fills up under the state, and is emptied again.
use super::*;
use crate::state::small::Small;

#[test]
fn a_full_disk_loses_nothing_and_is_recovered_from() {
    let Some(disk) = Small::mount("64m") else {
        eprintln!("SKIPPED: this user may not mount a tmpfs");
        return;
    };
    let clock = Clock::manual(noon());
    let mut fed = Fed::open(&disk.path().join("state"), config(), &clock);
    for n in 0..100u32 {
        fed.feed(
            u64::from(n) + 1,
            &one("m", noon().minus(Duration::from_mins(1) * n), f64::from(n)),
        );
    }
    fed.writer.flush().unwrap();
    let durable = fed.writer.durable_position();
    // All that is left of the disk.
    let ballast = disk.path().join("ballast");
    let filled = std::fs::write(&ballast, vec![1u8; 64 << 20]);
    assert!(filled.is_err(), "the disk is not full");
    let text: String = (0..100_000u32)
        .map(|n| char::from(b'a' + u8::try_from(u64::from(n).pow(2) % 26).unwrap()))
        .collect();
    let mut sequence = durable;
    let feed_texts = |fed: &mut Fed, from: u64| {
        for n in 0..40u64 {
            let mut report = one("m", noon().minus(DAY * 2).plus(Duration::from_secs(n)), 0.0);
            report.readings[0].value = Value::Text(format!("{n}{text}").into());
            fed.feed(from + n, &report);
        }
    };
    feed_texts(&mut fed, sequence);
    let error = fed.writer.flush().unwrap_err();
    assert!(
        matches!(error, crate::state::Error::Storage(_)),
        "{error:?}"
    );
    // What is stored can still be read, and nothing is reopened into a full disk.
    assert_eq!(
        fed.query(Selection::default(), (noon().minus(DAY), ALL.1))
            .len(),
        100
    );
    let error = fed.shared.state.reopen().unwrap_err();
    assert!(
        matches!(error, crate::state::Error::Room { .. }),
        "{error:?}"
    );
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(fed.crash(), Found::Progress);
    assert!(fed.writer.position() == durable || fed.writer.position() == durable + 40);
    feed_texts(&mut fed, sequence);
    sequence += 40;
    fed.writer.flush().unwrap();
    assert_eq!(fed.all().len(), 140);
    assert_eq!(fed.shared.stats().stored, sequence - 1);
    // And after a clean reopening of what the recovery wrote.
    fed.crash();
    assert_eq!(fed.all().len(), 140);
}

//! A disk that fills up under the state, and is emptied again.
use super::following::{Rig, devices, until};
use super::query;
use crate::state::State;
use crate::state::small::Small;
use std::sync::Arc;
use std::time::Duration;

/// Writes to the database until its disk is full, and it refuses.
fn fill(state: &State) {
    for n in 0u32.. {
        let access = state.access().unwrap();
        let space = access.space("ballast").unwrap();
        let mut batch = access.batch();
        // Not to be compressed.
        let noise: Vec<u8> = (0..250_000u32)
            .flat_map(|i| {
                (i ^ n)
                    .wrapping_mul(2_654_435_761)
                    .wrapping_pow(3)
                    .to_le_bytes()
            })
            .collect();
        batch.insert(&space, &n.to_be_bytes(), &noise);
        if batch.commit(&[]).is_err() {
            return;
        }
    }
}

#[test]
fn a_full_disk_stops_the_saving_and_nothing_else() {
    let Some(disk) = Small::mount("80m") else {
        eprintln!("SKIPPED: this user may not mount a tmpfs");
        return;
    };
    let rig = Rig::new();
    let folder = disk.path().join("state");
    let state = Arc::new(State::open(&folder).unwrap());
    let registry = rig.start_with(Arc::clone(&state), &rig.log);
    rig.feed(0, 20);
    devices(&registry, &rig);
    state.access().unwrap().space("ballast").unwrap();
    let ballast = disk.path().join("filler");
    let filled = std::fs::write(&ballast, vec![1u8; 90 << 20]);
    assert!(filled.is_err(), "the disk is not full");
    fill(&state);
    // What comes now cannot be saved, and is there.
    rig.feed(500, 520);
    rig.clock.set(rig.clock.now().plus(Duration::from_secs(31)));
    let full = devices(&registry, &rig);
    assert!(state.check().is_err());
    assert_eq!(full.iter().map(|device| device.reports).sum::<u64>(), 40);
    std::fs::remove_file(&ballast).unwrap();
    // In a gateway, history does that.
    until("room", || state.reopen().is_ok());
    let before = registry.stats().save_us;
    until("a save", || {
        rig.clock.set(rig.clock.now().plus(Duration::from_secs(1)));
        let now = registry.stats();
        now.unsaved == 0 && now.save_us != before
    });
    let expected = devices(&registry, &rig);
    registry.close();
    drop((registry, state));
    let again = rig.start_with(Arc::new(State::open(&folder).unwrap()), &rig.log);
    assert_eq!(
        again.list(&query()).devices.len(),
        expected.len(),
        "before the logs are read"
    );
    assert_eq!(devices(&again, &rig), expected);
    again.close();
}

//! What is left over of retried uplinks, and what power cuts leave of retries.
use super::*;

/// Of `FLUX`, the first.
const ONE: &str = "[[metric]]\nname = 'flux'\nunit = 'V'\nen = 'Flux'\nzh = 'Flux'\n";

/// Whole uplinks of which a part stays bad, with `pad` bytes of payload more.
fn half_bad(rig: &mut Rig, pad: usize) {
    let payload = format!(r#"{{"flux": 1, "flax": 2, "note": "{}"}}"#, "x".repeat(pad));
    assert_eq!(
        rig.payload("plant/p-1/up", &payload),
        Verdict::RejectedPayload
    );
}

fn metrics(rig: &Rig) -> Vec<String> {
    let reports = rig.logged().reports;
    let readings = reports.into_iter().flat_map(|report| report.readings);
    readings.map(|reading| reading.metric).collect()
}

impl Rig {
    fn mended_in_part(mut self) -> Self {
        self.setup.routes = ROUTE;
        self.setup.metrics = ONE;
        self.restart()
    }
}

#[test]
fn what_a_cut_retry_left_over_brings_nothing_twice() {
    let mut rig = Rig::new();
    half_bad(&mut rig, 0);
    let mut rig = rig.mended_in_part();
    // A power cut takes the report, which was not synced, and leaves the rejects, which were.
    rig.close();
    let (log, before) = (rig.dir.path().join("log"), rig.dir.path().join("before"));
    copy(&log, &before);
    let mut rig = rig.restart();
    assert!(is_recovered(&rig.retry_all()[0]));
    assert_eq!(rig.logged().rejects.len(), 3, "two parts are left over");
    rig.close();
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(&before, &log).unwrap();
    let rig = rig.restart();
    assert_eq!(rig.logged().reports.len(), 0);
    // The left over are not retried while their uplink can be.
    let rejected = rig.rejected();
    let [uplink, stray] = &rejected[..] else {
        panic!("{rejected:?}");
    };
    let rig = rig.mended();
    for (_, fate) in rig.retry_as(stray, false).fates {
        let Fate::Cannot(words) = fate else {
            panic!("{fate:?}");
        };
        assert!(words.contains(&uplink.rejects[0].0.to_string()), "{words}");
    }
    assert!(is_recovered(&rig.retry_as(uplink, false).fates[0].1));
    let fates = rig.retry_all();
    assert!(!fates.iter().any(is_recovered), "{fates:?}");
    assert!(is_before(&fates[1]), "{fates:?}");
    assert_eq!(metrics(&rig), ["flux", "flax"]);
    let rig = rig.restart();
    assert!(!rig.retry_all().iter().any(is_recovered));
    assert_eq!(metrics(&rig), ["flux", "flax"]);
}

#[test]
fn what_is_left_over_is_retried_once_and_outlives_restarts() {
    let mut rig = Rig::new();
    half_bad(&mut rig, 0);
    let rig = rig.mended_in_part();
    assert!(is_recovered(&rig.retry_all()[0]));
    rig.intake.save_marks().unwrap();
    let rig = rig.mended();
    let fates = rig.retry_all();
    assert!(is_before(&fates[0]) && is_recovered(&fates[1]), "{fates:?}");
    let rig = rig.restart();
    assert!(!rig.retry_all().iter().any(is_recovered));
    assert_eq!(metrics(&rig), ["flux", "flax"]);
}

#[test]
fn a_refused_retry_leaves_nothing_over() {
    let mut rig = Rig::full();
    rig.setup.routes = "";
    half_bad(&mut rig, 0);
    rig.setup.routes = ROUTE;
    rig.setup.metrics = ONE;
    let rig = rig.restart();
    let start = std::time::Instant::now();
    while rig.intake.refusing().is_none() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    let uplink = &rig.rejected()[0];
    for _ in 0..3 {
        let refused = rig.intake.retry(uplink, &nothing, false, &rig.waiter);
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(rig.logged().rejects.len(), 1);
    let mut rig = rig;
    rig.reopen_with_room();
    assert!(is_recovered(&rig.retry_all()[0]));
    let rig = rig.mended();
    rig.retry_all();
    assert_eq!(metrics(&rig), ["flux", "flax"]);
}

#[test]
fn what_is_left_over_keeps_the_beginning_of_its_payload() {
    let mut rig = Rig::new();
    half_bad(&mut rig, 20_000);
    let rig = rig.mended_in_part();
    assert!(is_recovered(&rig.retry_all()[0]));
    let rejects = rig.logged().rejects;
    assert!(rejects[0].has_payload());
    for left in &rejects[1..] {
        assert_eq!(
            (left.raw.len(), left.rest.len()),
            (Reject::RAW_MAX, 0),
            "{}",
            left.part
        );
        assert_eq!(left.out_of, rig.rejected()[0].rejects[0].0);
    }
}

#[test]
fn a_lost_rejects_place_is_another_ones() {
    let mut rig = Rig::new();
    rig.close();
    let (log, before) = (
        rig.dir.path().join("rejects"),
        rig.dir.path().join("before"),
    );
    copy(&log, &before);
    let mut rig = rig.restart();
    let sent = |rig: &Rig, connection, dup| Uplink {
        topic: "plant/p-1/up",
        payload: UNDATED.as_bytes(),
        delivery: delivery(5, connection, dup, false),
        ..rig.uplink()
    };
    rig.send(&sent(&rig, 1, false));
    let lost = rig.rejected()[0].rejects[0].0;
    let mut rig = rig.mended();
    assert_eq!(rig.send(&sent(&rig, 2, true)), Verdict::Accepted);
    rig.close();
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(&before, &log).unwrap();
    let mut rig = rig.restart();
    rig.payload("other/p-1", UNDATED);
    assert_eq!(
        rig.rejected()[0].rejects[0].0,
        lost,
        "or this shows nothing"
    );
    let fates = rig.retry_all();
    assert!(matches!(&fates[..], [Fate::Rejected(_)]), "{fates:?}");
}

/// A folder of files.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

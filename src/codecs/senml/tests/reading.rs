//! What the gateway reads out of resolved records.
use super::*;

fn decoded(pack: &str) -> Decoded<'_> {
    let mut out = Decoded::default();
    decode(pack.as_bytes(), LIMITS, &mut out).unwrap();
    out
}

/// `device metric unit` of each sample.
fn samples(out: &Decoded<'_>) -> Vec<String> {
    let sample = |sample: &Sample<'_>| {
        let device = out.device_of(sample.group).unwrap_or("-");
        format!("{device} {} {}", sample.metric, sample.unit)
    };
    out.samples.iter().map(sample).collect()
}

#[test]
fn names_part_into_device_and_metric() {
    let out = decoded(
        r#"[{"n":"voltage","u":"V","v":1},{"bn":"m-1:","n":"voltage","v":2},
            {"bn":"urn:dev:ow:10e2073a01080063/","n":"current","u":"A","v":3}]"#,
    );
    assert_eq!(
        samples(&out),
        [
            "- voltage V",
            "m-1 voltage ",
            "urn:dev:ow:10e2073a01080063 current A"
        ]
    );
    assert_eq!(
        out.place_of(2, "current", None),
        "urn:dev:ow:10e2073a01080063[2].current"
    );
}

#[test]
fn samples_of_one_device_lie_together_in_the_order_of_the_devices() {
    let out = decoded(
        r#"[{"n":"b:x","v":1},{"n":"a:x","v":2},{"n":"x","v":3},{"n":"b:y","v":4},{"n":"a:y","v":5},{"n":"y","v":6}]"#,
    );
    assert_eq!(
        samples(&out),
        ["- x ", "- y ", "b x ", "b y ", "a x ", "a y "]
    );
    let runs: Vec<Option<u32>> = out
        .samples
        .iter()
        .map(|s| out.groups[s.group as usize].device)
        .collect();
    assert_eq!(runs, [None, None, Some(0), Some(0), Some(1), Some(1)]);
}

#[test]
fn the_rfcs_percent_is_a_ratio() {
    let out = decoded(
        r#"[{"bu":"%","n":"a","v":0.8},{"u":"/","n":"a","v":0.8},{"u":"%RH","n":"a","v":80}]"#,
    );
    assert_eq!(samples(&out), ["- a 1", "- a 1", "- a %RH"]);
}

#[test]
fn a_lone_sum_is_no_reading_and_says_so() {
    let out = decoded(
        r#"[{"bn":"m-1:","n":"active_power","u":"W","s":5},{"n":"active_power","v":1,"s":6}]"#,
    );
    assert_eq!(out.samples.len(), 1);
    let fault = &out.faults.list()[0];
    assert_eq!(
        (fault.reason, fault.part.as_str()),
        (Reason::WrongType, "m-1[0].active_power")
    );
    assert!(fault.sentence.contains("integral"), "{fault}");
}

#[test]
fn a_plain_pack_borrows_everything() {
    let out = decoded(
        r#"[{"bn":"m-1:","bt":1795420800,"n":"voltage","u":"V","v":230.1},{"n":"current","u":"A","v":1.2}]"#,
    );
    let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
    assert!(out.devices.iter().all(borrowed));
    for sample in &out.samples {
        assert!(borrowed(&sample.metric) && borrowed(&sample.unit));
        assert!(matches!(&sample.value, Sent::Number(_, Cow::Borrowed(text)) if !text.is_empty()));
    }
}

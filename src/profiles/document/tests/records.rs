//! Records that cannot be dated or named, inner payloads of others, and what nothing comes of.
use super::{decode, profile, shown};
use crate::codecs::{Decoded, Limits, Reason};
use crate::profiles::{Around, Profile, Profiles};

const VALUE: &str = "[[each.value]]\nmetric = 'voltage'\npath = ''\n";

#[test]
fn records_that_would_lie_ahead_are_refused() {
    let forward = profile(&format!(
        "[time]\npath = 't'\n[[each]]\npath = 'v'\n[each.time]\nstep = '15min'\n{VALUE}"
    ));
    let lost = shown(&forward, r#"{"v":[1,2]}"#);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(
        lost[0].starts_with("implausible_time: the payload has no time"),
        "{lost:?}"
    );
    assert_eq!(shown(&forward, r#"{"v":[1]}"#), ["[0].voltage = 1 @now0s"]);
    let dated = shown(&forward, r#"{"v":[1,2],"t":1800000000}"#);
    assert_eq!(dated[1], "[1].voltage = 2 @1800000900s");
    let sent = profile(&format!(
        "[time]\npath = 't'\n[[each]]\npath = 'v'\n[each.time]\nstep = {{ path = 's' }}\n{VALUE}"
    ));
    let lost = shown(&sent, r#"{"v":[1,2],"t":1800000000,"s":0}"#);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].contains("0 apart"), "{lost:?}");
    assert_eq!(shown(&sent, r#"{"v":[1],"t":1800000000,"s":0}"#).len(), 1);
}

#[test]
fn a_record_without_its_device_is_not_the_concentrators() {
    let mixed = profile(
        "[device]\npath = 'c'\n[[each]]\npath = 'm'\n[each.device]\npath = 'd'\nabsent = ['']\n\
         [[each.value]]\nmetric = 'voltage'\npath = 'u'\n",
    );
    let payload = br#"{"c":"con","m":[{"d":"A","u":1},{"u":2},{"d":"","u":3}]}"#;
    let out = decode(&mixed, payload, 9).unwrap();
    assert_eq!((out.samples.len(), &*out.devices), (1, &["A".into()][..]));
    let parts: Vec<_> = out
        .faults
        .list()
        .iter()
        .map(|f| (f.reason, &*f.part))
        .collect();
    let wrong = Reason::InvalidDeviceId;
    assert_eq!(parts, [(wrong, "[1].device"), (wrong, "[2].device")]);
}

#[test]
fn records_of_nothing_count_as_well() {
    let mixed = profile(
        "[[each]]\n[each.device]\npath = 'd'\n[[each.value]]\nmetric = 'voltage'\npath = 'u'\n",
    );
    let records = |count: usize| {
        let all: Vec<String> = (0..count).map(|at| format!(r#"{{"d":"m{at}"}}"#)).collect();
        format!(r#"[{{"d":"m","u":1}},{}]"#, all.join(","))
    };
    assert!(decode(&mixed, records(8).as_bytes(), 9).is_ok());
    let fault = decode(&mixed, records(9).as_bytes(), 9).unwrap_err();
    assert_eq!(fault.reason, Reason::TooManyReadings);
}

/// Decodes where the inventory has the devices `known`.
fn with(profile: &Profile, known: &[&str], payload: &str) -> Decoded<'static> {
    let profiles = Profiles::of([super::profile(
        "[device]\npath = 'own'\n[[value]]\nmetric = 'voltage'\npath = 'u'\n",
    )])
    .unwrap();
    let around = Around {
        limits: Limits { readings_max: 9 },
        profiles: &profiles,
        profile_of: &|name| known.contains(&name).then_some("x"),
    };
    let mut out = Decoded::default();
    profile
        .decode(payload.as_bytes(), around, &mut out)
        .unwrap();
    let mut owned = Decoded::default();
    out.move_to(&mut owned);
    owned
}

#[test]
fn the_sender_of_an_inner_payload_is_a_device_of_its_own() {
    let platform =
        profile("[device]\npath = 'IMEI'\n[inner]\npath = 'p'\nencoding = 'text'\nprofile = 'x'\n");
    let payload = r#"{"IMEI":"a","p":"{\"own\":\"b\",\"u\":1}"}"#;
    let of = |known: &[&str], payload| {
        let out = with(&platform, known, payload);
        let of = out.device_of(out.samples[0].group).map(str::to_owned);
        (out.sender.map(String::from), of)
    };
    let (a, b) = (|| Some("a".to_owned()), || Some("b".to_owned()));
    assert_eq!(of(&["a", "b"], payload), (a(), b()));
    // A name that nobody knows says nothing against the envelope's.
    assert_eq!(of(&["a"], payload), (a(), None));
    let same = payload.replace(r#"\"b\""#, r#"\"a\""#);
    assert_eq!(of(&["a", "b"], &same), (a(), None));
    let alone = payload.replace(r#""IMEI":"a","#, "");
    assert_eq!(of(&[], &alone), (b(), None));
}

#[test]
fn a_record_may_hold_an_inner_payload() {
    let platform = profile(
        "[device]\npath = 'IMEI'\n[[each]]\npath = 's'\n[each.time]\npath = 't'\n\
         [each.inner]\npath = 'p'\nencoding = 'text'\nprofile = 'x'\n",
    );
    let payload = r#"{"IMEI":"a","s":[{"t":5,"p":"{\"u\":1}"},{"t":6},{"t":7,"p":"{"}]}"#;
    let out = with(&platform, &[], payload);
    assert_eq!(super::sample(&out, &out.samples[0]), "voltage = 1 @5");
    let parts: Vec<_> = out.faults.list().iter().map(|f| &*f.part).collect();
    assert_eq!(parts, ["[2].inner"]);
}

#[test]
fn the_other_name_counts_where_only_it_is_known() {
    let platform = profile(
        "[device]\npath = 'IMEI'\nprefix = 'imei:'\n[device.or]\npath = 'id'\nprefix = 'p:'\n\
         [[value]]\nmetric = 'voltage'\npath = 'u'\n",
    );
    let sender = |known: &[&str]| {
        let out = with(
            &platform,
            known,
            r#"{"IMEI":"460001357924680","id":"7","u":1}"#,
        );
        out.sender.map(String::from).unwrap()
    };
    assert_eq!(sender(&["p:7"]), "p:7");
    assert_eq!(sender(&[]), "imei:460001357924680");
    assert_eq!(
        sender(&["p:7", "imei:460001357924680"]),
        "imei:460001357924680"
    );
}

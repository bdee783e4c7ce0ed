//! Traces, and payloads as an encoder of the same profile would write them.
use super::*;
use proptest::prelude::*;

#[test]
fn a_trace_names_every_leaf() {
    let meter = profile(METER);
    let payload = r#"{"Message":{"IMEI":"867","dev":"a","x":[1,{}]},"Telemetry":{"u":65535,"bat":"x","UTC":1571227500,"a.b":null}}"#;
    let profiles = Profiles::default();
    let around = Around {
        limits: Limits { readings_max: 9 },
        profiles: &profiles,
        profile_of: &|_| None,
    };
    let trace = meter.trace(payload.as_bytes(), around);
    let lines: Vec<String> = trace
        .pieces
        .iter()
        .map(|piece| {
            let crate::profiles::Spot::Path(path) = &piece.spot else {
                panic!()
            };
            let sample = piece.sample.map(|at| format!(" #{at}")).unwrap_or_default();
            format!(
                "{path} {} -> {}{sample}{}",
                piece.sent, piece.became, piece.note
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "Message.IMEI \"867\" -> device",
            "Message.dev \"a\" -> condition",
            "Message.x[0] 1 -> ",
            "Telemetry.u 65535 -> voltage #0",
            "Telemetry.bat \"x\" -> Telemetry.bat: \"x\" is no number, and `battery_level` is one",
            "Telemetry.UTC 1571227500 -> time",
            "Telemetry.\"a.b\" null -> ",
        ]
    );
}

fn encode(value: &serde_json::Value, cbor: &mut minicbor::Encoder<Vec<u8>>) {
    use serde_json::Value;
    match value {
        Value::Null => drop(cbor.null().unwrap()),
        Value::Bool(flag) => drop(cbor.bool(*flag).unwrap()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => drop(cbor.i64(whole).unwrap()),
            None => drop(cbor.f64(number.as_f64().unwrap()).unwrap()),
        },
        Value::String(text) => drop(cbor.str(text).unwrap()),
        Value::Array(all) => {
            cbor.array(all.len() as u64).unwrap();
            for one in all {
                encode(one, cbor);
            }
        }
        Value::Object(all) => {
            cbor.map(all.len() as u64).unwrap();
            for (key, value) in all {
                cbor.str(key).unwrap();
                encode(value, cbor);
            }
        }
    }
}

proptest! {
    /// What an encoder writes at the profile's paths is what comes out, in JSON and in CBOR.
    #[test]
    fn values_come_back_from_wherever_they_lie(
        keys in prop::collection::btree_set("[a-d]{1,2}(\\.[a-d]{1,2}){0,3}", 1..6),
        numbers in prop::collection::vec(any::<i32>(), 6),
    ) {
        // No path may lie on another's way.
        let under = |a: &String, b: &String| b.starts_with(&format!("{a}."));
        let keys: Vec<&String> = keys.iter().filter(|a| !keys.iter().any(|b| under(a, b))).collect();
        let mut rules = String::new();
        let mut document = serde_json::json!({});
        for (at, key) in keys.iter().enumerate() {
            rules.extend(["[[value]]\nmetric = 'voltage'\nscale = 0.001\npath = '", key, "'\nlabels.channel = '", &at.to_string(), "'\n"]);
            let mut here = &mut document;
            for step in key.split('.') {
                here = &mut here[step];
            }
            *here = numbers[at].into();
        }
        let text = document.to_string();
        let mut cbor = minicbor::Encoder::new(Vec::new());
        encode(&document, &mut cbor);
        let of_cbor = format!("name = 'x'\nversion = '1'\nformat = 'cbor'\n{rules}");
        let of_cbor = Profile::parse("x.toml", &of_cbor, &Catalogue::shipped()).unwrap();
        let out = decode(&profile(&rules), text.as_bytes(), 9).unwrap();
        let same = decode(&of_cbor, &cbor.into_writer(), 9).unwrap();
        prop_assert_eq!(&same.samples, &out.samples);
        prop_assert_eq!(out.samples.len(), keys.len());
        for (sample, number) in out.samples.iter().zip(&numbers) {
            let expected: f64 = format!("{number}e-3").parse().unwrap();
            let Sent::Number(found, _) = sample.value else { panic!("{sample:?}") };
            prop_assert_eq!(found.to_bits(), (expected + 0.0).to_bits());
            prop_assert_eq!(&*sample.origin.as_ref().unwrap().text, number.to_string());
            prop_assert_eq!(&*sample.origin.as_ref().unwrap().unit, "10*-3.V");
        }
    }

    #[test]
    fn no_payload_panics_or_grows(
        text in "[\\[\\]{}\":,0-9a-z \\\\]{0,40}|\\{\"Telemetry\":[\\[\\]{}\":,0-9a-z]{0,30}",
        cut in 0usize..200,
    ) {
        let meter = profile(METER);
        let whole = r#"{"Telemetry":{"u":[1,{"x":2}],"bat":"9","UTC":1},"Message":{"dev":"a","IMEI":"x"}}"#;
        for payload in [text.as_str(), whole.get(..cut.min(whole.len())).unwrap()] {
            if let Ok(out) = decode(&meter, payload.as_bytes(), 9) {
                prop_assert!(out.samples.len() + out.groups.len() <= 2 * payload.len() + 1);
            }
            let profiles = Profiles::default();
            let around = Around { limits: Limits { readings_max: 9 }, profiles: &profiles, profile_of: &|_| None };
            prop_assert!(meter.trace(payload.as_bytes(), around).pieces.len() <= payload.len());
        }
    }
}

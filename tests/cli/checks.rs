//! Commands that need no gateway: check, decode, and what cannot start.
use super::{citygate, run, run_with_input};
use serde_json::Value;
use std::fs;

const FIVE_MISTAKES: &str = "
nod = 'x'
[site]
timezone = 'Asia/Jinan'
[mqtt]
bind = 'everywhere'
[grpc]
bind = '0.0.0.0:50051'
[log]
retain = 'always'
";

#[test]
fn five_mistakes_are_five_lines_with_key_value_and_rule() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    fs::write(&file, FIVE_MISTAKES).unwrap();
    let file = file.to_str().unwrap();
    let check = run(&["check", "--config", file]);
    assert_eq!(check.code, 1);
    let lines: Vec<&str> = check.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", check.out);
    for wanted in [
        "2: nod = \"x\": unknown key; did you mean `node`?",
        "4: site.timezone = \"Asia/Jinan\": must be ",
        "6: mqtt.bind = \"everywhere\": must be ",
        "8: grpc.bind = 0.0.0.0:50051: must be ",
        "10: log.retain = \"always\": must be ",
    ] {
        let wanted = format!("{file}:{wanted}");
        assert!(
            lines.iter().any(|line| line.starts_with(&wanted)),
            "{wanted}: {}",
            check.out
        );
    }
    let json = run(&["check", "--json", "--config", file]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (&json["ok"], json["problems"].as_array().unwrap().len()),
        (&Value::Bool(false), 5)
    );
    let retain = json["problems"].as_array().unwrap();
    let retain = retain.iter().find(|it| it["key"] == "log.retain").unwrap();
    assert_eq!(
        (&retain["file"], &retain["line"]),
        (&file.into(), &10.into())
    );
    let start = run(&["run", "--config", file]);
    assert_eq!(
        (start.code, start.err.lines().count()),
        (3, 5),
        "{}",
        start.err
    );
}

#[test]
fn a_good_configuration_says_what_it_would_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    fs::write(&file, "node = 'lixia-1'").unwrap();
    let args = ["check", "--config", file.to_str().unwrap()];
    let done = run(&args);
    assert_eq!(done.code, 0, "{}", done.out);
    assert!(
        done.out.starts_with("ok: node lixia-1,") && done.out.contains("MQTT on 127.0.0.1:1883")
    );
    let overlaid = citygate(&args)
        .env("CITYGATE_NODE", "not a name")
        .output()
        .unwrap();
    assert_eq!(overlaid.status.code(), Some(1));
    assert!(
        String::from_utf8(overlaid.stdout)
            .unwrap()
            .starts_with("node = \"not a name\": ")
    );
}

#[test]
fn decode_shows_readings_and_refusals() {
    let payload =
        r#"{"ts":1795420800,"voltage":230.1,"heat_energy":{"value":1,"unit":"GJ"},"voltagee":1}"#;
    let done = run(&["decode", "--profile", "json", payload]);
    assert_eq!(done.code, 1);
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines[0], "voltage = 230.1 V at 2026-11-23T08:00:00Z GOOD");
    assert!(
        lines[1].starts_with("heat_energy = 277.7") && lines[1].ends_with("GOOD (sent as 1 GJ)")
    );
    assert!(
        lines[2].starts_with("rejected voltagee: unknown_metric: "),
        "{}",
        done.out
    );

    let json = run(&["decode", "--profile", "json", "--json", payload]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["readings"][0]["metric"], "voltage");
    assert_eq!(json["rejected"][0]["reason"], "unknown_metric");
}

#[test]
fn decode_takes_hex_json_and_standard_input() {
    let hex = "7b22766f 6c746167 65223a32 33302e31 7d";
    for (argument, input) in [
        (hex, &b""[..]),
        ("-", hex.as_bytes()),
        ("-", br#"{"voltage":230.1}"#),
    ] {
        let done = run_with_input(&["decode", "--profile", "json", argument], input);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        assert!(done.out.starts_with("voltage = 230.1 V"), "{}", done.out);
    }
    let done = run_with_input(&["decode", "--profile", "json", "-"], b"\xff\xfe binary");
    assert_eq!(done.code, 1);
    assert!(
        done.out.starts_with("rejected all of it: not_utf8"),
        "{}",
        done.out
    );
}

#[test]
fn a_log_that_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["check", "stat", "export"] {
        let done = run(&["log", command, dir.path().to_str().unwrap()]);
        assert_eq!(done.code, 3);
        assert!(done.err.contains("there is no log here"), "{}", done.err);
    }
}

#[test]
fn nobody_to_talk_to_is_said() {
    // Port 1 is nobody's on a machine of today.
    let tap = run(&["tap", "--grpc", "127.0.0.1:1"]);
    assert_eq!(tap.code, 3);
    assert!(
        tap.err.contains("no gateway at http://127.0.0.1:1"),
        "{}",
        tap.err
    );
    let args = [
        "simulate",
        "--to",
        "mqtt://127.0.0.1:1",
        "--count",
        "1",
        "--patience",
        "1s",
    ];
    let simulate = run(&args);
    assert_eq!(simulate.code, 3);
    assert!(
        simulate.err.contains("nothing was sent") && simulate.out.contains("sent              0")
    );
}

#[test]
fn decode_shows_what_a_pack_says_also_where_no_metric_is_known() {
    let pack = r#"[{"bn":"m-1:","bt":1795420800,"n":"voltage","u":"V","v":230.1},{"bn":"/3303/0/","n":"5700","t":-5,"v":21}]"#;
    let done = run(&["decode", "--profile", "senml", "--json", pack]);
    assert_eq!(done.code, 1, "{}", done.err);
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let resolved = serde_json::json!([
        {"n": "m-1:voltage", "u": "V", "t": 1_795_420_800.0, "v": 230.1},
        {"n": "/3303/0/5700", "t": 1_795_420_795.0, "v": 21.0},
    ]);
    assert_eq!(json["resolved"], resolved);
    assert_eq!(json["readings"][0]["number"], 230.1);
    assert_eq!(json["readings"][0]["device"], "m-1");
    assert_eq!(json["rejected"][0]["reason"], "unknown_metric");
    // The same reading in CBOR: {-2: "m-1:", 0: "voltage", 1: "V", 2: 230.1}.
    let hex = "81a421646d2d313a0067766f6c7461676501615602fb406cc33333333333";
    let done = run(&["decode", "--profile", "senml", hex]);
    assert_eq!(done.code, 0, "{}", done.err);
    let first = done.out.lines().next().unwrap();
    assert_eq!(
        first,
        r#"resolved {"n":"m-1:voltage","u":"V","t_rel":0.0,"v":230.1}"#
    );
    let refused = run(&[
        "decode",
        "--profile",
        "senml",
        r#"[{"n":"a","v":1,"foo_":1}]"#,
    ]);
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("not_understood"), "{}", refused.out);
}

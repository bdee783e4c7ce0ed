//! The vectors of `CITYGATE_TEST_VECTORS`, where it is set: each value of each line. None is disputed.
use super::*;
use serde_json::Value as Json;

/// What is wrong with one vector; empty: nothing.
fn wrong(vector: &Json) -> Vec<String> {
    let payload = bytes(vector["hex"].as_str().unwrap());
    let expected = &vector["expected"];
    let mut out = Decoded::default();
    let (_, decode) = CODECS.iter().find(|row| row.0 == "dlt698").unwrap();
    let result = decode.decode(&payload, told(), &mut out);
    if expected["reject"].is_string() {
        let refused = result.is_err() && out.samples.is_empty();
        return if refused {
            vec![]
        } else {
            vec!["taken".to_owned()]
        };
    }
    let Some(head) = Head::of(&payload).filter(|_| result.is_ok()) else {
        return vec![format!("{result:?}")];
    };
    let mut wrong = Vec::new();
    let mut same = |name: &str, own: String| {
        let json = &expected[name];
        let theirs = json
            .as_str()
            .map_or_else(|| json.to_string(), str::to_owned);
        if !json.is_null() && theirs != own {
            wrong.push(format!("{name}: {theirs}, and {own}"));
        }
    };
    let apdu = &payload[head.apdu..head.len - 3];
    same("control", format!("{:02X}", head.control));
    same("addr_type", (head.address >> 6).to_string());
    same("server_addr", head.digits(&payload));
    same("client_addr", payload[head.apdu - 3].to_string());
    same("apdu", hex(apdu));
    same("hcs_ok", true.to_string());
    same("fcs_ok", true.to_string());
    same("oad", hex(&apdu[3..7]));
    if let Some(sample) = out.samples.first() {
        same("metric", sample.metric.to_string());
        same("unit", sample.unit.to_string());
    }
    let numbers = out.samples.iter().map(|sample| match &sample.value {
        Sent::Number(number, _) => Json::from(*number),
        _ => Json::Null,
    });
    if expected["values"].is_array() {
        same("values", Json::Array(numbers.collect()).to_string());
    }
    wrong
}

#[test]
fn vectors_agree() {
    let Ok(folder) = std::env::var("CITYGATE_TEST_VECTORS") else {
        eprintln!("CITYGATE_TEST_VECTORS is not set");
        return;
    };
    let path = std::path::Path::new(&folder).join("dlt698.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut right, mut bad) = (0, Vec::new());
    for line in text.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        match wrong(&vector) {
            wrong if wrong.is_empty() => right += 1,
            wrong => bad.push(format!("{}: {}", vector["id"], wrong.join("; "))),
        }
    }
    println!("dlt698: {right} right, {} wrong, 0 disputed", bad.len());
    assert!(bad.is_empty() && right > 0, "{bad:#?}");
}

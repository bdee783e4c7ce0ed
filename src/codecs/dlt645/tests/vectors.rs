//! The vectors of `CITYGATE_TEST_VECTORS`, where it is set: each value of each line. None is disputed.
use super::*;
use serde_json::Value as Json;

fn texts(json: &Json) -> Vec<String> {
    let text = |item: &Json| match item {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    json.as_array()
        .map(|list| list.iter().map(text).collect())
        .unwrap_or_default()
}

/// What is wrong with one vector; empty: nothing.
fn wrong(vector: &Json) -> Vec<String> {
    let payload = bytes(vector["hex"].as_str().unwrap());
    let expected = &vector["expected"];
    if expected["reject"].is_string() {
        let (frames, damaged) = split(&payload);
        let fault = damaged.map(|fault| fault.reason);
        let refused = frames.is_empty() && fault == Some(Reason::BadChecksum);
        return if refused {
            vec![]
        } else {
            vec![format!("{fault:?}")]
        };
    }
    let decoded = decode(&payload);
    let (frames, _) = split(&payload);
    let frame = Frame::at(&payload, &frames[0]).unwrap();
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
    let control = frame.control;
    same("address", frame::digits(&frame.address));
    same("control", format!("{:02X}", payload[frame.start + 8]));
    same("from_meter", control.is_reply().to_string());
    same("error", control.is_refusal().to_string());
    same("more", control.has_more().to_string());
    same("function", control.function().to_string());
    let detail = |name: &str| -> String {
        let notes = decoded.notes.iter().flat_map(|note| &note.detail);
        let mut found = notes.filter(|(key, _)| key == name);
        found
            .next()
            .map(|(_, value)| value.to_string())
            .unwrap_or_default()
    };
    let di = answer::identifier(&payload, &frame);
    same("di", di.map_or(String::new(), |di| answer::name(di, 4)));
    same("error_byte", detail("error"));
    same("read_address", detail("address"));
    same("data_hex", detail("data"));
    // Of a value that is a fault, its part names the metric.
    let faulty = decoded.faults.list().first().map(|fault| &fault.part);
    let faulty = faulty
        .and_then(|part| part.rsplit('.').next())
        .unwrap_or_default();
    let sample = decoded.samples.first();
    let metric = sample.map_or(faulty, |sample| &sample.metric);
    same("metric", metric.to_owned());
    if let Some(sample) = sample {
        same("unit", sample.unit.to_string());
    }
    same(
        "time",
        match sample.map(|sample| &sample.value) {
            Some(Sent::Text(text)) => text.to_string(),
            _ => String::new(),
        },
    );
    let mut values: Vec<String> = Vec::new();
    let mut quality: Vec<&str> = Vec::new();
    for sample in &decoded.samples {
        let (value, good) = match &sample.value {
            Sent::Number(number, _) => (format!("{number:?}"), "good"),
            _ => ("null".to_owned(), "not_available"),
        };
        values.push(value);
        quality.push(good);
    }
    for fault in decoded.faults.list() {
        values.push("null".to_owned());
        quality.push(fault.reason.as_str());
    }
    if expected["values"].is_array() {
        let theirs = texts(&expected["values"]);
        if theirs != values {
            wrong.push(format!("values: {theirs:?}, and {values:?}"));
        }
        if texts(&expected["quality"]) != quality {
            wrong.push(format!("quality: {quality:?}"));
        }
    }
    wrong
}

#[test]
fn vectors_agree() {
    let Ok(folder) = std::env::var("CITYGATE_TEST_VECTORS") else {
        eprintln!("CITYGATE_TEST_VECTORS is not set");
        return;
    };
    let path = std::path::Path::new(&folder).join("dlt645.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut right, mut bad) = (0, Vec::new());
    for line in text.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        match wrong(&vector) {
            wrong if wrong.is_empty() => right += 1,
            wrong => bad.push(format!("{}: {}", vector["id"], wrong.join("; "))),
        }
    }
    println!("dlt645: {right} right, {} wrong, 0 disputed", bad.len());
    assert!(bad.is_empty() && right > 0, "{bad:#?}");
}

//! What a gateway gave, against the truth: nothing is missing, nothing is too much.
use super::lines::{self, Received, difference};
use citygate::model::{Quality, Reject, proto};
use citygate::sim::scenario::{Truth, Value};

/// What a gateway gave.
pub struct Found {
    /// All of the log.
    pub reports: Vec<proto::Report>,
    /// All of the log.
    pub events: Vec<proto::Event>,
    /// All of the rejects' log.
    pub rejects: Vec<Reject>,
    /// All of history.
    pub kept: Vec<proto::Report>,
}

/// How they differ.
pub fn compare(truth: &Truth, found: &Found, received: Received<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let of_reports = |reports: &[proto::Report]| -> Vec<String> {
        let lines = |report| lines::readings(report, received);
        reports.iter().flat_map(lines).collect()
    };
    let one = |of| lines::true_reading(truth, of, received);
    let logged: Vec<String> = truth.readings.iter().map(one).collect();
    wrong.extend(difference(
        "readings in the log",
        &logged,
        &of_reports(&found.reports),
    ));
    let kept: Vec<String> = truth.history().into_iter().map(one).collect();
    wrong.extend(difference(
        "readings in history",
        &kept,
        &of_reports(&found.kept),
    ));

    let expected: Vec<String> = truth
        .events
        .iter()
        .map(|of| lines::true_event(of, received))
        .collect();
    let events: Vec<String> = found
        .events
        .iter()
        .map(|of| lines::event(of, received))
        .collect();
    wrong.extend(difference("events", &expected, &events));

    let expected: Vec<String> = truth.rejects.iter().map(lines::true_reject).collect();
    let rejects: Vec<String> = found.rejects.iter().map(lines::reject).collect();
    wrong.extend(difference("rejects", &expected, &rejects));
    wrong.extend(lines::unnamed(truth, &found.rejects));
    wrong
}

/// The comparison sees what it should: each of these small lies makes it fail.
pub fn notices_lies(truth: &Truth, found: &Found, received: Received<'_>) {
    type Lie = (&'static str, fn(&mut Truth));
    let lies: [Lie; 9] = [
        ("a last digit", |truth| {
            let values = truth.readings.iter_mut().map(|of| &mut of.value);
            let mut numbers = values.filter_map(|value| match value {
                Value::Number(number) => Some(number),
                _ => None,
            });
            *numbers.nth(4_321).unwrap() += 0.01;
        }),
        ("a reading less", |truth| drop(truth.readings.remove(1_234))),
        ("a reading more", |truth| {
            let twice = truth.readings[77].clone();
            truth.readings.push(twice);
        }),
        ("a quality", |truth| {
            truth.readings[5].quality = Quality::Uncertain;
        }),
        ("a raw value", |truth| {
            let mut raw = truth.readings.iter_mut().filter(|of| !of.raw.is_empty());
            raw.next().unwrap().raw.push('0');
        }),
        ("an event less", |truth| drop(truth.events.pop())),
        ("an event's number", |truth| {
            let mut events = truth
                .events
                .iter_mut()
                .filter(|of| of.name == "register_rollover");
            events
                .next()
                .unwrap()
                .detail
                .retain(|(name, _)| *name != "from");
        }),
        ("a reject more", |truth| {
            truth.rejects.push(truth.rejects[0].clone());
        }),
        ("a reject's words", |truth| {
            truth.rejects[0].names = "byte 4711 of no frame".into();
        }),
    ];
    for (what, lie) in lies {
        let mut lying = truth.clone();
        lie(&mut lying);
        let wrong = compare(&lying, found, received);
        assert!(!wrong.is_empty(), "{what} goes unnoticed");
    }
}

//! A value with unit, labels and time of its own: our extension of the flat object.
use super::syntax::members;
use super::{
    Decoded, Fault, Group, NEED_TIME, Reason, Sample, Sent, SentTime, diagnose, plain, quote,
    sent_time,
};
use std::borrow::Cow;

/// `{"value": 12.34, "unit": "GJ", "labels": {"phase": "a"}, "ts": 1763900000}`.
pub(super) fn extended<'a>(
    key: Cow<'a, str>,
    text: &'a str,
    group: u32,
    item: Option<u32>,
    out: &mut Decoded<'a>,
) -> Result<(), Fault> {
    let mut parts: [Option<&'a str>; 4] = [None; 4];
    let mut fault: Option<(Reason, String)> = None;
    members(
        text,
        |name, value, ()| {
            let names = ["value", "unit", "labels", "ts"];
            let place = names.iter().position(|known| *known == name);
            let Some(place) = place.and_then(|place| parts.get_mut(place)) else {
                let sentence = format!("`{}` is none of value, unit, labels, ts", quote(&name));
                let deep = diagnose::depth(text) > diagnose::DEPTH_MAX;
                let reason = if deep {
                    Reason::TooDeep
                } else {
                    Reason::WrongType
                };
                fault = Some((reason, sentence));
                return Ok(());
            };
            if let Some(earlier) = place.replace(value) {
                let (one, other) = (quote(earlier), quote(value));
                let sentence = format!("`{name}` is there twice, as {one} and {other}");
                fault = Some((Reason::DuplicateKey, sentence));
            }
            Ok(())
        },
        &mut (),
    )?;
    let [value, unit, labels, ts] = parts;
    let sample = match fault {
        Some(fault) => Err(fault),
        None => assemble(value, unit, labels, ts),
    };
    match sample {
        Ok((value, unit, labels, time)) => {
            let group = match (time, out.group(group)) {
                (SentTime::Absent, _) | (_, None) => group,
                (time, Some(of)) => {
                    let own = Group {
                        device: of.device,
                        parent: Some(group),
                        at: of.at,
                        time,
                    };
                    out.open(own)
                }
            };
            out.samples.push(Sample {
                group,
                item,
                metric: key,
                value,
                unit,
                labels,
                origin: None,
                digits: None,
            });
        }
        Err((reason, sentence)) => {
            let place = out.place_of(group, &key, item);
            out.faults.push(Fault::part(reason, place, sentence));
        }
    }
    Ok(())
}

type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;
type Assembled<'a> = (Sent<'a>, Cow<'a, str>, Labels<'a>, SentTime<'a>);

fn assemble<'a>(
    value: Option<&'a str>,
    unit: Option<&'a str>,
    labels: Option<&'a str>,
    ts: Option<&'a str>,
) -> Result<Assembled<'a>, (Reason, String)> {
    let wrong = |what: &str, got: &str, need: &str| {
        let sentence = format!("`{what}` is {}; {need} is needed", quote(got));
        let reason = if diagnose::depth(got) > diagnose::DEPTH_MAX {
            Reason::TooDeep
        } else {
            Reason::WrongType
        };
        (reason, sentence)
    };
    let Some(value) = value else {
        return Err((Reason::WrongType, "`value` is missing".to_owned()));
    };
    if value.starts_with(['{', '[']) {
        return Err(wrong(
            "value",
            value,
            "a number, true, false, a text or null",
        ));
    }
    let value = plain(value).map_err(|sentence| (Reason::Malformed, sentence))?;
    let unit = match unit.map(|text| (text, plain(text))) {
        None | Some((_, Ok(Sent::Null))) => Cow::Borrowed(""),
        Some((_, Ok(Sent::Text(unit)))) => unit,
        Some((text, _)) => return Err(wrong("unit", text, "a text")),
    };
    let time = match ts {
        None => SentTime::Absent,
        Some(text) => sent_time(text).ok_or_else(|| wrong("ts", text, NEED_TIME))?,
    };
    let labels = match labels {
        None | Some("null") => Vec::new(),
        Some(text) => labels_of(text).ok_or_else(|| {
            wrong(
                "labels",
                text,
                "an object of texts such as {\"phase\": \"a\"}",
            )
        })?,
    };
    Ok((value, unit, labels, time))
}

fn labels_of(text: &str) -> Option<Labels<'_>> {
    let mut labels = Vec::new();
    if !text.starts_with('{') {
        return None;
    }
    let mut fits = true;
    let done = members(
        text,
        |name, value, ()| {
            match plain(value) {
                Ok(Sent::Text(value) | Sent::Number(_, value)) => labels.push((name, value)),
                _ => fits = false,
            }
            Ok(())
        },
        &mut (),
    );
    (done.is_ok() && fits).then_some(labels)
}

//! The rejects of a stopped gateway, read from its directory and not changed.
use super::ListArgs;
use crate::api::http::json::RejectJson;
use crate::cli::Error;
use crate::log::OpenError;
use crate::log::inspect::Folder;
use crate::log::record::{Kind, Recovers};
use crate::model::{Reject, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;

/// Names that are counted one by one; further ones are left out, and said to be.
const NAMES_MAX: usize = 100_000;

fn open(dir: &Path, name: &str) -> Result<Folder, Error> {
    let dir = dir.join(name);
    Folder::open(&dir).map_err(|error| match error {
        OpenError::Locked { .. } => Error::CannotStart(format!(
            "{} is in use by a running gateway; leave --dir out to ask it",
            dir.display()
        )),
        error => Error::cannot_start("cannot read the rejects", &error),
    })
}

fn unreadable(error: &OpenError) -> Error {
    Error::cannot_start("cannot read the log", error)
}

/// Which rejects have become which reports, as far as the log of reports knows.
fn marks(dir: &Path) -> Result<HashMap<u64, u64>, Error> {
    let mut marks = HashMap::new();
    let folder = open(dir, "log")?;
    let visited = folder.frames(|frame| {
        for (sequence, record) in frame.records() {
            let recovers = record.keys.recovers.into_iter();
            marks.extend(
                recovers
                    .flat_map(Recovers::marks)
                    .map(|mark| (mark, sequence)),
            );
        }
        ControlFlow::Continue(())
    });
    visited.map_err(|error| unreadable(&error))?;
    Ok(marks)
}

fn became(marks: &HashMap<u64, u64>, sequence: u64, reject: &Reject) -> Option<u64> {
    let find = |mark| Ok::<_, Infallible>(marks.get(&mark).copied());
    reject.recovered(sequence, find).unwrap_or_default()
}

#[derive(Default)]
struct Groups(BTreeMap<String, (u64, u64, i64)>);

impl Groups {
    fn add(&mut self, name: &str, at: i64, recovered: bool) {
        if self.0.len() >= NAMES_MAX && !self.0.contains_key(name) {
            return;
        }
        let group = self.0.entry(name.to_owned()).or_insert((0, 0, at));
        group.0 += 1;
        group.1 += u64::from(recovered);
        group.2 = group.2.max(at);
    }

    fn json(&self, limit: usize) -> Value {
        let mut groups: Vec<_> = self.0.iter().collect();
        groups.sort_by_key(|(_, (count, _, _))| std::cmp::Reverse(*count));
        let json = |(name, (count, recovered, last)): (&String, &(u64, u64, i64))| {
            json!({
                "name": name,
                "count": count.to_string(),
                "recovered": recovered.to_string(),
                "last": crate::api::http::json::time(Timestamp::from_nanos(*last)),
            })
        };
        let shown: Vec<Value> = groups.into_iter().take(limit).map(json).collect();
        json!({"groups": shown, "total": self.0.len().to_string()})
    }
}

/// As the gateway answers: counts, and a page unless only the counts are wanted.
pub(super) fn list(dir: &Path, args: &ListArgs) -> Result<(Value, Option<Value>), Error> {
    // Both are locked, so that nobody changes one while the other is read.
    let folder = open(dir, "rejects")?;
    let marks = marks(dir)?;
    let mut newest: VecDeque<RejectJson> = VecDeque::new();
    let (mut count, mut all_recovered) = (0_u64, 0_u64);
    let [mut reasons, mut devices, mut routes] = [(); 3].map(|()| Groups::default());
    let visited = folder.frames(|frame| {
        for (sequence, record) in frame.records() {
            let reject = Reject::decode(record.body).ok();
            let reject =
                reject.filter(|reject| record.kind == Kind::Reject && covers(args, reject));
            let Some(reject) = reject else {
                continue;
            };
            let by = became(&marks, sequence, &reject);
            if (args.recovered && by.is_none()) || (args.open && by.is_some()) {
                continue;
            }
            let at = reject.received_at_ns;
            count += 1;
            all_recovered += u64::from(by.is_some());
            reasons.add(&reject.reason, at, by.is_some());
            devices.add(&reject.device_id, at, by.is_some());
            routes.add(&reject.route, at, by.is_some());
            newest.push_front(RejectJson::new(sequence, reject).recovered(by));
            newest.truncate(args.limit);
        }
        ControlFlow::Continue(())
    });
    visited.map_err(|error| unreadable(&error))?;
    let summary = json!({
        "count": count.to_string(),
        "recovered": all_recovered.to_string(),
        "byReason": reasons.json(args.limit),
        "byDevice": devices.json(args.limit),
        "byRoute": routes.json(args.limit),
    });
    let page = args.by.is_none().then(|| json!({"rejects": newest}));
    Ok((summary, page))
}

fn covers(args: &ListArgs, reject: &Reject) -> bool {
    let at = Timestamp::from_nanos(reject.received_at_ns);
    let filter = &args.filter;
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    let device = filter.device.as_ref();
    is(&filter.reason, &reject.reason)
        && device.is_none_or(|device| reject.concerns(device))
        && is(&filter.route, &reject.route)
        && filter.from.is_none_or(|from| at >= from)
        && filter.to.is_none_or(|to| at < to)
}

/// One of them; what it would become, only a running gateway knows.
pub(super) fn show(dir: &Path, wanted: u64) -> Result<Value, Error> {
    let folder = open(dir, "rejects")?;
    let marks = marks(dir)?;
    let mut found = None;
    let visited = folder.frames(|frame| {
        if frame.last < wanted {
            return ControlFlow::Continue(());
        }
        let mut records = frame.records();
        let record = records.find(|(sequence, _)| *sequence == wanted);
        found = record.and_then(|(_, record)| Reject::decode(record.body).ok());
        ControlFlow::Break(())
    });
    visited.map_err(|error| unreadable(&error))?;
    let reject = found.ok_or_else(|| {
        Error::Usage(format!(
            "there is no reject {wanted}, or retention has removed it"
        ))
    })?;
    let payload = [reject.raw.as_slice(), &reject.rest].concat();
    let by = became(&marks, wanted, &reject);
    Ok(json!({
        "payload": STANDARD.encode(payload),
        "reject": RejectJson::new(wanted, reject).recovered(by),
    }))
}

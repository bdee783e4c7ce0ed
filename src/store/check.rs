//! What can be told of a store without writing to it: is it there, does the bucket exist, may we write?
//!
//! The last two are asked by a write of nothing. `InfluxDB` looks at token, organisation and bucket
//! before it looks at lines, so its answer is the one that delivery would get. Who is not asked: a list
//! of buckets. A token that may only write sees none of them, and others than `InfluxDB` have no list.
use super::client::{Answer, Client, Outcome};
use super::status::{Check, Checks};
use bytes::Bytes;
use std::time::Duration;

/// Between two attempts while nobody answers.
pub const AGAIN: Duration = Duration::from_secs(30);

/// Asks once. Bounded by the client's timeouts.
pub async fn check(client: &Client, target: &str) -> Checks {
    let reachable = match client.get("/ping", false).await {
        Ok(answer) => Check::Ok(greeting(&answer)),
        Err(why) => {
            return Checks {
                reachable: Check::Failed(why),
                ..Checks::default()
            };
        }
    };
    let (target, write) = match client.write(Bytes::new(), false).await {
        // 400: it has looked for lines, behind everything that is asked here.
        Outcome::Stored | Outcome::Refused { .. } => (
            Check::Ok(format!("{target} takes writes")),
            Check::Ok("the token may write".to_owned()),
        ),
        Outcome::Alarm { why } if why.starts_with("404") => (
            Check::Failed(why),
            Check::Unknown("there is nothing to write to".to_owned()),
        ),
        Outcome::Alarm { why } => (
            Check::Unknown("it is not told to whom may not write".to_owned()),
            Check::Failed(why),
        ),
        Outcome::Later { why, .. } | Outcome::TooLarge { why } => {
            (Check::Unknown(why.clone()), Check::Unknown(why))
        }
    };
    Checks {
        reachable,
        target,
        write,
    }
}

/// `204 No Content, version 1.6.7`: any answer at all says that somebody is there.
fn greeting(answer: &Answer) -> String {
    match &answer.version {
        Some(version) => format!("{}, version {version}", answer.status),
        None => answer.status.to_string(),
    }
}

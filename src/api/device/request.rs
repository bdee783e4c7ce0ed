//! What a caller asks of the registry, checked.
use crate::access::Grant;
use crate::api::Shared;
use crate::api::selection::{Selection, Unfit, Violations};
use crate::api::token::{MALFORMED, PageToken};
use crate::devices::{Level, Page, Query, Registry, State};
use crate::model::proto;
use prost::Message;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Devices on a page.
pub const PAGE_DEFAULT: usize = 100;
/// See [`PAGE_DEFAULT`].
pub const PAGE_MAX: usize = 1_000;
/// Bytes of a page as protobuf: with last values a page may end before its size does. Clients of gRPC
/// take 4 MiB.
pub const PAGE_BYTES_MAX: usize = 2 << 20;
/// Longest search, in bytes: ids have 64.
const SEARCH_BYTES_MAX: usize = 64;
/// Longest device name in a request, in bytes: aliases may be longer than ids.
const NAME_BYTES_MAX: usize = 256;

/// Checks the name of one device: an id, an alias, or what a stranger calls itself.
///
/// # Errors
/// Empty or too long.
pub fn named(field: &str, name: &str) -> Result<(), Violations> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    let description = format!("must have 1 to {NAME_BYTES_MAX} bytes");
    Err(Violations::one(field, description))
}

/// Says that nobody knows a device.
pub fn unknown(name: &str, nearest: Option<&str>) -> String {
    let near = nearest.map(|near| format!("; did you mean {near:?}?"));
    format!(
        "no device {name:?} was ever accepted here{}",
        near.unwrap_or_default()
    )
}

/// Which last values a caller gets.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Devices, kinds, districts and metrics.
    pub selection: Selection,
    /// With last values at all?
    pub values: bool,
}

impl Watched {
    /// Leaves the last values that were asked for, as a message.
    pub fn shown(&self, device: &crate::devices::Device) -> proto::Device {
        let mut message = super::message(device);
        if self.values {
            message.values.retain(|value| {
                let metric = value.reading.as_ref().map(|reading| &reading.metric);
                metric.is_some_and(|metric| self.selection.takes_metric(metric))
            });
        } else {
            message.values.clear();
        }
        message
    }
}

/// A checked `ListDevicesRequest`.
#[derive(Clone, Debug)]
pub struct List {
    query: Query,
    watched: Watched,
    /// For the token.
    request: u64,
}

fn is_given<T>(number: i32, read: fn(u8) -> Option<T>) -> Option<T> {
    u8::try_from(number).ok().and_then(read)
}

/// The words of an enumeration by number; an unknown one is a violation.
fn words<T>(
    field: &str,
    numbers: &[i32],
    read: fn(u8) -> Option<T>,
    known: &[String],
    wrong: &mut Violations,
) -> Vec<T> {
    let mut found = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        match is_given(*number, read) {
            Some(word) => found.push(word),
            None => wrong.add(
                format!("{field}[{at}]"),
                format!("{number} is unknown; there are {}", known.join(", ")),
            ),
        }
    }
    found
}

/// All of a query but what the filter says.
fn query_of(request: &proto::ListDevicesRequest, wrong: &mut Violations) -> Query {
    let states: Vec<String> = State::ALL.iter().map(|state| state.json_name()).collect();
    let levels: Vec<String> = Level::ALL.iter().map(|level| level.json_name()).collect();
    let states = words(
        "states",
        &request.states,
        State::from_number,
        &states,
        wrong,
    );
    let healths = words(
        "healths",
        &request.healths,
        Level::from_number,
        &levels,
        wrong,
    );
    for (field, text, max) in [
        ("search", &request.search, SEARCH_BYTES_MAX),
        ("parent", &request.parent, NAME_BYTES_MAX),
    ] {
        if text.len() > max {
            wrong.add(field, format!("{} bytes, at most {max}", text.len()));
        }
    }
    let limit = match usize::try_from(request.page_size) {
        Ok(0) => PAGE_DEFAULT,
        Ok(size @ 1..=PAGE_MAX) => size,
        _ => {
            wrong.add("page_size", format!("must be from 1 to {PAGE_MAX}"));
            PAGE_DEFAULT
        }
    };
    Query {
        states,
        healths,
        search: request.search.as_str().into(),
        heard_not_accepted: request.heard_not_accepted,
        parent: request.parent.as_str().into(),
        values: request.values,
        limit,
        ..Query::default()
    }
}

impl List {
    /// Checks every field.
    ///
    /// # Errors
    /// All wrong ones; else what the grant does not cover.
    pub fn check(
        request: proto::ListDevicesRequest,
        shared: &Shared,
        grant: &Arc<Grant>,
    ) -> Result<Self, Unfit> {
        let filter = request.filter.clone().unwrap_or_default();
        Self::within(request, shared.select(&filter, grant), grant)
    }

    fn within(
        mut request: proto::ListDevicesRequest,
        selected: Result<Selection, Unfit>,
        grant: &Arc<Grant>,
    ) -> Result<Self, Unfit> {
        let (selection, mut wrong, outside) = match selected {
            Ok(selection) => (selection, Violations::default(), None),
            Err(Unfit::Wrong(wrong)) => (Selection::granted(grant), wrong, None),
            Err(outside) => (
                Selection::granted(grant),
                Violations::default(),
                Some(outside),
            ),
        };
        let mut query = query_of(&request, &mut wrong);
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        request.filter.get_or_insert_default();
        let hash = xxh3_64(&request.encode_to_vec());
        if !token.is_empty() {
            match PageToken::decode(&token, hash) {
                Some(token) => query.after = Some(token.skip),
                None => wrong.add("page_token", MALFORMED),
            }
        }
        if let (Some(outside), true) = (outside, wrong.0.is_empty()) {
            return Err(outside);
        }
        if wrong.0.is_empty() {
            selection.narrow(&mut query);
            let values = query.values;
            Ok(Self {
                query,
                watched: Watched { selection, values },
                request: hash,
            })
        } else {
            Err(wrong.into())
        }
    }

    /// The page. Looks at every device: for a thread that may block.
    pub fn page(mut self, registry: &Registry) -> proto::ListDevicesResponse {
        loop {
            let seen = registry.seen_by(self.watched.selection.grant());
            let page = seen.list(&self.query);
            let devices = page.devices.iter().map(|device| self.watched.shown(device));
            let devices: Vec<_> = devices.collect();
            let bytes: usize = devices.iter().map(Message::encoded_len).sum();
            if bytes <= PAGE_BYTES_MAX || devices.len() <= 1 {
                return self.response(registry, &page, devices);
            }
            // Where a page may end only the registry knows, so it is asked for a shorter one.
            self.query.limit = (devices.len() / 2).max(1);
        }
    }

    fn response(
        &self,
        registry: &Registry,
        page: &Page,
        devices: Vec<proto::Device>,
    ) -> proto::ListDevicesResponse {
        let token = page.next.map(|place| PageToken {
            request: self.request,
            at: 0,
            skip: place,
            place: 0,
        });
        proto::ListDevicesResponse {
            devices,
            next_page_token: token.map(|token| token.encode()).unwrap_or_default(),
            counts: Some(super::counts(&page.counts)),
            cursor: super::cursor(registry, page.version),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::api::selection::Judge;
    use crate::catalogue::Catalogue;

    fn check(request: proto::ListDevicesRequest) -> Result<List, Violations> {
        let grant = Arc::new(Grant::everything("a"));
        let judge = Judge {
            catalogue: &Catalogue::shipped(),
            grant: &grant,
            sees: &|_| true,
        };
        let filter = request.filter.clone().unwrap_or_default();
        let selected = Selection::check(&filter, &judge);
        List::within(request, selected, &grant).map_err(|unfit| match unfit {
            Unfit::Wrong(wrong) => wrong,
            Unfit::Outside(outside) => panic!("nothing is outside: {outside}"),
        })
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = check(proto::ListDevicesRequest {
            filter: Some(proto::Filter {
                kinds: vec!["meter.gsa".into()],
                ..proto::Filter::default()
            }),
            states: vec![4, 0],
            healths: vec![-1],
            search: "9".repeat(65),
            parent: "p".repeat(257),
            page_size: 1_001,
            page_token: "nothing".into(),
            ..proto::ListDevicesRequest::default()
        })
        .unwrap_err();
        let fields: Vec<_> = wrong.0.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "filter.kinds[0]",
                "states[1]",
                "healths[0]",
                "search",
                "parent",
                "page_size",
                "page_token"
            ]
        );
        assert!(wrong.0[1].description.contains("DEVICE_STATE_LATE"));
    }

    #[test]
    fn a_token_belongs_to_its_request() {
        let request = proto::ListDevicesRequest {
            search: "0042".into(),
            ..proto::ListDevicesRequest::default()
        };
        let list = check(request.clone()).unwrap();
        assert_eq!((list.query.limit, list.query.after), (PAGE_DEFAULT, None));
        let page_token = PageToken {
            request: list.request,
            at: 0,
            skip: 7,
            place: 0,
        }
        .encode();
        let next = proto::ListDevicesRequest {
            page_size: 3,
            page_token,
            ..request
        };
        let list = check(next.clone()).unwrap();
        assert_eq!((list.query.limit, list.query.after), (3, Some(7)));
        let other = proto::ListDevicesRequest {
            search: "0043".into(),
            ..next
        };
        assert_eq!(check(other).unwrap_err().0[0].field, "page_token");
    }
}

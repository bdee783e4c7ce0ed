//! Every route of the API: its handler, and what `/openapi.json` says of it. One table for both, so that
//! none can be served and not described. The pages for people are no part of the contract.
use super::admit::Needs;
use super::{
    Http, accounting, decode, devices, explain, gateway, metrics, openapi, probes, push, readings,
    rejects, reload, stores, timeline,
};
use axum::routing::{MethodRouter, get, post};

/// One route.
pub(super) struct Route {
    /// `get` or `post`, as `OpenAPI` spells it.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) handler: fn() -> MethodRouter<Http>,
    /// Of the caller.
    pub(super) needs: Needs,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// Content type of the answer.
    pub(super) answer: &'static str,
    /// Problems that it may answer with, beside those of every route.
    pub(super) problems: &'static [u16],
}

/// A parameter in the path, if the path has `{name}`, else in the query.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    pub(super) kind: Kind,
}

/// What a parameter's text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Given several times, or with commas.
    Texts,
    Number,
    Flag,
    Time,
}

const JSON: &str = "application/json";

const fn parameter(
    name: &'static str,
    kind: Kind,
    example: &'static str,
    what: &'static str,
) -> Parameter {
    Parameter {
        name,
        what,
        example,
        kind,
    }
}

const ID: Parameter = parameter("id", Kind::Text, "meter-7", "Id or alias of a device");
const REASON: Parameter = parameter(
    "reason",
    Kind::Text,
    "unknown_metric",
    "Only of this reason",
);
const DEVICE: Parameter = parameter("device", Kind::Text, "meter-7", "Only of this device");
const FROM: Parameter = parameter("from", Kind::Time, "2026-11-23T08:00:00Z", "Not before");
const TO: Parameter = parameter("to", Kind::Time, "2030-01-01T00:00:00Z", "Before");
const LIMIT: Parameter = parameter("limit", Kind::Number, "10", "Most entries of the page");
const TOKEN: Parameter = parameter(
    "page_token",
    Kind::Text,
    "",
    "nextPageToken of the page before, with the same other parameters",
);

const ROUTE: Parameter = parameter(
    "route",
    Kind::Text,
    "city/{device}",
    "Only of this route's pattern; empty: those that no route led to",
);
const RECOVERED: Parameter = parameter(
    "recovered",
    Kind::Flag,
    "false",
    "Only those that a retry has turned into reports, or only the others",
);

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/healthz",
        handler: || get(probes::health),
        needs: Needs::Nothing,
        summary: "The process answers",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "get",
        path: "/readyz",
        handler: || get(probes::ready),
        needs: Needs::Nothing,
        summary: "Traffic may be sent here",
        parameters: &[],
        answer: JSON,
        problems: &[503],
    },
    Route {
        method: "get",
        path: "/metrics",
        handler: || get(metrics::scrape),
        needs: Needs::Gateway,
        summary: "Metrics for Prometheus, as OpenMetrics text",
        parameters: &[],
        answer: "application/openmetrics-text",
        problems: &[],
    },
    Route {
        method: "get",
        path: "/openapi.json",
        handler: || get(openapi::openapi),
        needs: Needs::Nothing,
        summary: "This description",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "get",
        path: "/v1/accounting",
        handler: || get(accounting::accounting),
        needs: Needs::Gateway,
        summary: "What became of every uplink, by source",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "get",
        path: "/v1/sources",
        handler: || get(accounting::sources),
        needs: Needs::Gateway,
        summary: "Listeners, links to brokers, and their state",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "get",
        path: "/v1/stores",
        handler: || get(stores::stores),
        needs: Needs::Gateway,
        summary: "External stores: state, place, lag, rate, last error, what was found at the start",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "post",
        path: "/v1/stores/{name}/rewind",
        handler: || post(stores::rewind),
        needs: Needs::Operate,
        summary: "Sets a store back to a time: all that was appended since is sent again, and counted anew",
        parameters: &[
            parameter("name", Kind::Text, "influx", "The store's name"),
            parameter(
                "to",
                Kind::Time,
                "2026-11-23T08:00:00Z",
                "Append time of the first record to be sent again",
            ),
        ],
        answer: JSON,
        problems: &[400, 404, 409, 503],
    },
    Route {
        method: "post",
        path: "/v1/push/{route}",
        handler: || post(push::push),
        needs: Needs::Own,
        summary: "What a platform pushes, by a [[route]] with `push`: 200 once it is durable, as a reject too",
        parameters: &[
            parameter("route", Kind::Text, "huawei", "The route's name"),
            parameter(
                "device",
                Kind::Text,
                "meter-7",
                "The device, where the body does not name it",
            ),
        ],
        answer: JSON,
        problems: &[400, 401, 404, 408, 415, 429, 503],
    },
    Route {
        method: "get",
        path: "/v1/gateway",
        handler: || get(gateway::gateway),
        needs: Needs::Gateway,
        summary: "The gateway itself: rates, time to durable, lag of its readers, free disk",
        parameters: &[],
        answer: JSON,
        problems: &[],
    },
    Route {
        method: "post",
        path: "/v1/reload",
        handler: || post(reload::reload),
        needs: Needs::Operate,
        summary: "Reads the configuration, inventory and profiles again; 422 lists what is wrong with them",
        parameters: &[parameter(
            "force",
            Kind::Text,
            "false",
            "Over a tenth of the devices may go: the code of a refusal (its `confirm`), or true for the last one",
        )],
        answer: JSON,
        problems: &[400, 409, 422, 429, 503],
    },
    Route {
        method: "get",
        path: "/v1/devices",
        handler: || get(devices::list),
        needs: Needs::Data,
        summary: "Devices with state and health, a page at a time, and the counts of all that the filter covers",
        parameters: &[
            parameter("device", Kind::Texts, "meter-7", "Ids"),
            parameter(
                "kind",
                Kind::Texts,
                "meter",
                "Kinds, by prefix of whole parts",
            ),
            parameter("district", Kind::Texts, "3701", "Districts, by prefix"),
            parameter(
                "state",
                Kind::Texts,
                "online,sleeping,late",
                "never, online, sleeping, late, offline, retired",
            ),
            parameter(
                "health",
                Kind::Texts,
                "ok,attention",
                "ok, attention, fault",
            ),
            parameter("q", Kind::Text, "ter-7", "Part of an id or alias"),
            parameter(
                "heard_not_accepted",
                Kind::Flag,
                "false",
                "Only those whose last uplinks were refused",
            ),
            parameter(
                "parent",
                Kind::Text,
                "",
                "Only those that this device carries",
            ),
            parameter("values", Kind::Flag, "true", "With last values"),
            parameter("metric", Kind::Texts, "voltage", "Which last values"),
            LIMIT,
            TOKEN,
        ],
        answer: JSON,
        problems: &[400],
    },
    Route {
        method: "get",
        path: "/v1/devices/{id}",
        handler: || get(devices::get),
        needs: Needs::Data,
        summary: "One device with its last values, as citygate.v1.Device",
        parameters: &[ID],
        answer: JSON,
        problems: &[400, 404],
    },
    Route {
        method: "get",
        path: "/v1/devices/{id}/explain",
        handler: || get(explain::get),
        needs: Needs::Data,
        summary: "What became of a device's last uplinks, who had them when, and what goes with its silence",
        parameters: &[ID, LIMIT],
        answer: JSON,
        problems: &[400, 503],
    },
    Route {
        method: "get",
        path: "/v1/devices/{id}/readings",
        handler: || get(readings::readings),
        needs: Needs::Data,
        summary: "History of a device by observation time, oldest first",
        parameters: &[
            ID,
            FROM,
            TO,
            parameter("metric", Kind::Text, "voltage", "Only this metric"),
            LIMIT,
            TOKEN,
        ],
        answer: JSON,
        problems: &[400, 422, 503],
    },
    Route {
        method: "get",
        path: "/v1/devices/{id}/timeline",
        handler: || get(timeline::timeline),
        needs: Needs::Data,
        summary: "What happened to a device, newest first; a page may be short and still have a token",
        parameters: &[ID, FROM, TO, LIMIT, TOKEN],
        answer: JSON,
        problems: &[400, 404, 503],
    },
    Route {
        method: "get",
        path: "/v1/devices/{id}/timeline/{sequence}",
        handler: || get(timeline::entry),
        needs: Needs::Data,
        summary: "One entry of the timeline, its bytes decoded once more",
        parameters: &[
            ID,
            parameter("sequence", Kind::Number, "1", "The entry's sequence"),
            parameter(
                "log",
                Kind::Text,
                "reports",
                "The entry's log: reports or rejects",
            ),
        ],
        answer: JSON,
        problems: &[400, 404],
    },
    Route {
        method: "post",
        path: "/v1/decode",
        handler: || post(decode::post),
        needs: Needs::Data,
        summary: "What a payload would become, piece by piece; the body is JSON as it stands, or hexadecimal digits",
        parameters: &[
            parameter(
                "profile",
                Kind::Text,
                "json",
                "Name of a profile; else the device's by the inventory, else json",
            ),
            parameter("device", Kind::Text, "meter-7", "Who would send it"),
        ],
        answer: JSON,
        problems: &[400, 413],
    },
    Route {
        method: "get",
        path: "/v1/strangers",
        handler: || get(devices::strangers),
        needs: Needs::Data,
        summary: "Who was heard and not accepted",
        parameters: &[
            parameter(
                "since",
                Kind::Time,
                "2026-11-23T08:00:00Z",
                "Not before; 15 minutes ago by default",
            ),
            LIMIT,
        ],
        answer: JSON,
        problems: &[400],
    },
    Route {
        method: "get",
        path: "/v1/rejects",
        handler: || get(rejects::rejects),
        needs: Needs::Data,
        summary: "What could not become readings, newest first; a page may be short and still have a token",
        parameters: &[REASON, DEVICE, ROUTE, RECOVERED, FROM, TO, LIMIT, TOKEN],
        answer: JSON,
        problems: &[400],
    },
    Route {
        method: "get",
        path: "/v1/rejects/summary",
        handler: || get(rejects::summary),
        needs: Needs::Data,
        summary: "How many rejects there are, by reason, device and route, the largest groups of each",
        parameters: &[REASON, DEVICE, ROUTE, RECOVERED, FROM, TO, LIMIT],
        answer: JSON,
        problems: &[400],
    },
    Route {
        method: "get",
        path: "/v1/rejects/{sequence}",
        handler: || get(rejects::show),
        needs: Needs::Data,
        summary: "One reject, all that is kept of its payload, and what it would become now",
        parameters: &[parameter(
            "sequence",
            Kind::Number,
            "1",
            "The reject's sequence",
        )],
        answer: JSON,
        problems: &[404],
    },
    Route {
        method: "post",
        path: "/v1/rejects/retry",
        handler: || post(rejects::retry),
        needs: Needs::Operate,
        summary: "Takes rejected uplinks once more, as they came, by the routes, profiles and inventory of now; each becomes a report once at most. Needs a grant of all devices",
        parameters: &[
            parameter(
                "sequence",
                Kind::Texts,
                "1",
                "These; else a filter or all=true",
            ),
            parameter("reason", Kind::Text, "", "All of this reason"),
            parameter("device", Kind::Text, "", "All of this device"),
            parameter(
                "route",
                Kind::Text,
                "",
                "All that this route led to; empty: none did",
            ),
            parameter("from", Kind::Time, "", "All received at or after this"),
            parameter("to", Kind::Time, "", "All received before this"),
            parameter("all", Kind::Flag, "", "All"),
            RECOVERED,
            parameter(
                "dry_run",
                Kind::Flag,
                "true",
                "Say what would come of them, and change nothing",
            ),
            LIMIT,
            TOKEN,
        ],
        answer: JSON,
        problems: &[400, 503],
    },
];

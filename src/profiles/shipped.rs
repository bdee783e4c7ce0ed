//! The profiles that come with the binary.
//!
//! To ship one: its file in `profiles/`, with fixtures, and a row here.

/// File name and text.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    (
        "cjt188-litres.toml",
        include_str!("../../profiles/cjt188-litres.toml"),
    ),
    (
        "ctwing-aep.toml",
        include_str!("../../profiles/ctwing-aep.toml"),
    ),
    (
        "dragino-dds-nb.toml",
        include_str!("../../profiles/dragino-dds-nb.toml"),
    ),
    (
        "dragino-s31-nb.toml",
        include_str!("../../profiles/dragino-s31-nb.toml"),
    ),
    (
        "dragino-s31-nb-v2.toml",
        include_str!("../../profiles/dragino-s31-nb-v2.toml"),
    ),
    (
        "dtu-json-base64.toml",
        include_str!("../../profiles/dtu-json-base64.toml"),
    ),
    (
        "dtu-json-hex.toml",
        include_str!("../../profiles/dtu-json-hex.toml"),
    ),
    (
        "huawei-oceanconnect.toml",
        include_str!("../../profiles/huawei-oceanconnect.toml"),
    ),
    (
        "milesight.toml",
        include_str!("../../profiles/milesight.toml"),
    ),
    (
        "milesight-am.toml",
        include_str!("../../profiles/milesight-am.toml"),
    ),
    (
        "milesight-em300.toml",
        include_str!("../../profiles/milesight-em300.toml"),
    ),
    (
        "milesight-em500-co2.toml",
        include_str!("../../profiles/milesight-em500-co2.toml"),
    ),
    (
        "milesight-nb.toml",
        include_str!("../../profiles/milesight-nb.toml"),
    ),
    (
        "milesight-vs.toml",
        include_str!("../../profiles/milesight-vs.toml"),
    ),
    (
        "milesight-ws.toml",
        include_str!("../../profiles/milesight-ws.toml"),
    ),
    ("vega-nb.toml", include_str!("../../profiles/vega-nb.toml")),
];

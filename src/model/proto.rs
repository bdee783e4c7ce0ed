//! The messages of `proto/citygate/v1`, as prost generates them.
#![allow(missing_docs, clippy::pedantic, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/citygate.v1.rs"));

/// `FileDescriptorSet` of `proto/`, for reflection and for the test of additivity.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/citygate.v1.bin"));

/// The generated clients, for commands and tests.
pub mod client {
    include!(concat!(
        env!("OUT_DIR"),
        "/client/citygate.v1.TelemetryService.rs"
    ));
    include!(concat!(
        env!("OUT_DIR"),
        "/client/citygate.v1.DeviceService.rs"
    ));
}

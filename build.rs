//! Compiles proto/ without protoc: messages for `model::proto`, the gRPC server for `api`, a client for `cli` and tests.
//!
//! The services are declared to tonic by hand because server and client want different types for
//! the same response: the server sends reports as the bytes that lie in the log
//! (`api::grpc::frame`), without decoding and encoding each one.
use std::{env, error::Error, fs, path::PathBuf};
use tonic_prost_build::manual::{Builder, Method, MethodBuilder, Service};

const PROTOS: &[&str] = &["citygate/v1/telemetry.proto", "citygate/v1/devices.proto"];
const SUBSCRIBE_FRAME: &str = "crate::api::grpc::frame::SubscribeFrame";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    fs::write(
        out.join("citygate.v1.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::Config::new().compile_fds(descriptors)?;

    let message = |name: &str| format!("crate::model::proto::{name}");
    Builder::new()
        .build_client(false)
        .build_transport(false)
        .compile(&[telemetry(SUBSCRIBE_FRAME), devices()]);
    let client = out.join("client");
    fs::create_dir_all(&client)?;
    Builder::new()
        .build_server(false)
        .build_transport(false)
        .out_dir(&client)
        .compile(&[telemetry(&message("SubscribeResponse")), devices()]);
    Ok(())
}

fn method(name: &str, route: &str, output: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("crate::model::proto::{route}Request"))
        .output_type(output)
        .codec_path("tonic_prost::ProstCodec")
}

fn telemetry(subscribe_output: &str) -> Service {
    let query_output = "crate::model::proto::QueryResponse";
    Service::builder()
        .name("TelemetryService")
        .package("citygate.v1")
        .comment("Live stream and history of all that devices reported.")
        .method(
            method("subscribe", "Subscribe", subscribe_output)
                .server_streaming()
                .build(),
        )
        .method(
            method("query", "Query", query_output)
                .server_streaming()
                .build(),
        )
        .build()
}

fn devices() -> Service {
    let of = |name, route: &str| {
        let output = format!("crate::model::proto::{route}Response");
        method(name, route, &output)
    };
    Service::builder()
        .name("DeviceService")
        .package("citygate.v1")
        .comment("Every device that was heard or is expected.")
        .method(of("list_devices", "ListDevices").build())
        .method(of("get_device", "GetDevice").build())
        .method(
            of("watch_devices", "WatchDevices")
                .server_streaming()
                .build(),
        )
        .build()
}

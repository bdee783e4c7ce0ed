//! `Query`, health and reflection, over a socket.
use crate::support::{Gateway, START, report_of, start, within};
use citygate::api::Phase;
use citygate::api::grpc::SERVICES;
use citygate::model::proto::{Filter, QueryRequest, Report};
use prost::Message;
use std::time::Duration;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

async fn query(gateway: &Gateway, request: QueryRequest) -> Result<Vec<Report>, Status> {
    let mut client = gateway.client().await;
    let mut stream = within(client.query(request)).await?.into_inner();
    let mut reports = Vec::new();
    while let Some(response) = within(stream.message()).await? {
        assert!(response.encoded_len() <= 1 << 20);
        assert!(!response.reports.is_empty());
        reports.extend(response.reports);
    }
    Ok(reports)
}

/// Waits until history has read everything.
async fn caught_up(gateway: &Gateway) {
    within(async {
        while gateway.shared.history.stats().next <= gateway.shared.log.watermark() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn devices(reports: &[Report]) -> Vec<&str> {
    reports
        .iter()
        .map(|report| report.device_id.as_str())
        .collect()
}

#[tokio::test]
async fn history_comes_by_device_and_time_through_the_filter() {
    let gateway = start().await;
    let bodies = [
        ("w1", "meter.water", "1101"),
        ("g1", "meter.gas", "370103"),
        ("p1", "pole.light", "370102"),
    ];
    let bodies = bodies.map(|(device, kind, district)| report_of(device, kind, district, 2));
    gateway.append_bodies(&bodies).await;
    gateway.clock().set(START.plus(Duration::from_secs(1)));
    caught_up(&gateway).await;

    let all = query(&gateway, QueryRequest::default()).await.unwrap();
    assert_eq!(devices(&all), ["g1", "p1", "w1"]);
    assert_eq!(all[0].readings.len(), 2);
    assert_eq!(all[0].node, "test-1");
    assert_ne!(all[0].sequence, 0);
    let filter = Filter {
        kinds: vec!["meter".into()],
        metrics: vec!["voltage".into()],
        ..Filter::default()
    };
    let some = query(
        &gateway,
        QueryRequest {
            filter: Some(filter),
            ..QueryRequest::default()
        },
    )
    .await
    .unwrap();
    assert_eq!(devices(&some), ["g1", "w1"]);
    assert!(some.iter().all(|report| report.readings.len() == 1));
    let before = QueryRequest {
        to: Some(START.into()),
        ..QueryRequest::default()
    };
    assert_eq!(
        query(&gateway, before).await.unwrap(),
        [],
        "`to` is exclusive"
    );
}

#[tokio::test]
async fn wrong_queries_are_invalid_arguments() {
    let gateway = start().await;
    let upside_down = QueryRequest {
        from: Some(START.into()),
        to: Some(START.into()),
        ..QueryRequest::default()
    };
    let status = query(&gateway, upside_down).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("from: "), "{status:?}");
    let filter = Filter {
        kinds: vec!["pole.lihgt".into()],
        ..Filter::default()
    };
    let status = query(
        &gateway,
        QueryRequest {
            filter: Some(filter),
            ..QueryRequest::default()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("did you mean \"pole.light\"?"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_large_answer_comes_in_responses_of_at_most_one_mebibyte() {
    let gateway = start().await;
    for some in 0..8 {
        let bodies: Vec<_> = (0..1_000)
            .map(|at| report_of(&format!("m-{some}-{at}"), "meter.gas", "370103", 2))
            .collect();
        gateway.append_bodies(&bodies).await;
    }
    gateway.clock().set(START.plus(Duration::from_secs(1)));
    caught_up(&gateway).await;
    let all = query(&gateway, QueryRequest::default()).await.unwrap();
    assert_eq!(all.len(), 8_000);
    assert!(all.is_sorted_by(|a, b| a.device_id < b.device_id));
}

#[tokio::test]
async fn health_follows_the_phase_for_the_server_and_the_service() {
    let gateway = start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.grpc)).unwrap();
    let mut health = HealthClient::new(within(endpoint.connect()).await.unwrap());
    for (phase, expected) in [
        (Phase::Ready, ServingStatus::Serving),
        (Phase::Draining, ServingStatus::NotServing),
    ] {
        gateway.shared.readiness.set(phase);
        for service in [""].into_iter().chain(SERVICES) {
            let request = || HealthCheckRequest {
                service: service.to_owned(),
            };
            within(async {
                loop {
                    let answer = health.check(request()).await.unwrap().into_inner();
                    if answer
                        == (HealthCheckResponse {
                            status: expected as i32,
                        })
                    {
                        break;
                    }
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn reflection_describes_the_services() {
    for service in SERVICES {
        describes(service).await;
    }
}

async fn describes(service: &str) {
    let gateway = start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.grpc)).unwrap();
    let channel = within(endpoint.connect()).await.unwrap();
    let mut reflection = ServerReflectionClient::new(channel);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(service.to_owned())),
    };
    let request = futures_util::stream::iter([request]);
    let mut answers = within(reflection.server_reflection_info(request))
        .await
        .unwrap()
        .into_inner();
    let answer = within(answers.message()).await.unwrap().unwrap();
    let Some(MessageResponse::FileDescriptorResponse(files)) = answer.message_response else {
        panic!("{answer:?}")
    };
    let file = prost_types::FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice())
        .unwrap();
    assert_eq!(file.package(), "citygate.v1");
}

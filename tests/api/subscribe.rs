//! `Subscribe`, over a socket.
use crate::support::{
    START, devices, earliest, from, info, report_of, start, start_with, take, within,
};
use citygate::api::grpc;
use citygate::api::grpc::status::{BadRequest, RpcStatus};
use citygate::log::record::Kind;
use citygate::model::proto::subscribe_request::Start;
use citygate::model::proto::{Event, Filter, SubscribeRequest};
use prost::Message;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn every_start_gives_what_it_says() {
    let gateway = start().await;
    let old = gateway.append(&["a", "b"]).await;
    gateway.clock().set(START.plus(Duration::from_mins(1)));
    let new = gateway.append(&["c"]).await;

    let mut all = gateway
        .subscribe(from(Start::Earliest(true)))
        .await
        .unwrap();
    let (seen, cursor) = take(&mut all, 3).await;
    let names: Vec<_> = seen.iter().map(|(_, device)| device.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(
        seen.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        [old[0], old[1], new[0]]
    );

    let since = START.plus(Duration::from_secs(30)).into();
    let mut since = gateway.subscribe(from(Start::Since(since))).await.unwrap();
    assert_eq!(take(&mut since, 1).await.0, [(new[0], "c".to_owned())]);

    let mut now = gateway
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap();
    let first = within(now.message()).await.unwrap().unwrap();
    assert!(first.reports.is_empty());
    assert_eq!(first.cursor, cursor, "the end");
    let mut resumed = gateway
        .subscribe(from(Start::AfterCursor(cursor)))
        .await
        .unwrap();
    let next = gateway.append(&["d"]).await;
    for stream in [&mut now, &mut resumed, &mut all, &mut since] {
        assert_eq!(take(stream, 1).await.0, [(next[0], "d".to_owned())]);
    }
}

#[tokio::test]
async fn a_subscriber_that_resumes_at_every_cursor_misses_and_repeats_nothing() {
    let gateway = start().await;
    let bodies: Vec<_> = (0..40)
        .map(|at| report_of(&format!("m{at}"), "meter.gas", "", 400))
        .collect();
    let mut expected = Vec::new();
    for bodies in bodies.chunks(7) {
        expected.extend(gateway.append_bodies(bodies).await);
    }
    let mut seen = Vec::new();
    let mut request = from(Start::Earliest(true));
    while seen.len() < expected.len() {
        // One response with reports from each stream.
        let mut stream = gateway.subscribe(request).await.unwrap();
        let (some, cursor) = take(&mut stream, 1).await;
        seen.extend(some.into_iter().map(|(sequence, _)| sequence));
        request = from(Start::AfterCursor(cursor));
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_response_stays_below_one_mebibyte() {
    let gateway = start().await;
    let bodies = vec![report_of("m", "meter.gas", "", 4000); 20];
    assert!(bodies[0].len() > 100_000);
    gateway.append_bodies(&bodies).await;
    let mut stream = gateway
        .subscribe(from(Start::Earliest(true)))
        .await
        .unwrap();
    let mut seen = 0;
    while seen < bodies.len() {
        let response = within(stream.message()).await.unwrap().unwrap();
        assert!(
            response.encoded_len() <= 1 << 20,
            "{}",
            response.encoded_len()
        );
        seen += response.reports.len();
    }
}

#[tokio::test]
async fn filters_leave_out_devices_kinds_districts_and_metrics() {
    let gateway = start().await;
    let body = |device, kind, district| report_of(device, kind, district, 2);
    gateway
        .append_bodies(&[
            body("e1", "meter.electricity", "370102"),
            body("g1", "meter.gas", "370103"),
            body("p1", "pole.light", "370102"),
            body("w1", "meter.water", "110101"),
        ])
        .await;
    let cases: [(Filter, &[&str]); 5] = [
        (devices(&["g1", "p1", "none"]), &["g1", "p1"]),
        (
            Filter {
                kinds: vec!["meter".into()],
                ..Filter::default()
            },
            &["e1", "g1", "w1"],
        ),
        (
            Filter {
                districts: vec!["3701".into()],
                ..Filter::default()
            },
            &["e1", "g1", "p1"],
        ),
        (
            Filter {
                kinds: vec!["meter".into()],
                districts: vec!["3701".into()],
                ..Filter::default()
            },
            &["e1", "g1"],
        ),
        (
            Filter {
                metrics: vec!["current".into()],
                ..devices(&["w1"])
            },
            &["w1"],
        ),
    ];
    for (filter, expected) in cases {
        let metrics = filter.metrics.clone();
        let mut stream = gateway.subscribe(earliest(filter)).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            seen.extend(within(stream.message()).await.unwrap().unwrap().reports);
        }
        let names: Vec<_> = seen
            .iter()
            .map(|report| report.device_id.as_str())
            .collect();
        assert_eq!(names, expected);
        for report in &seen {
            assert_eq!(report.node, "test-1");
            let found: Vec<_> = report.readings.iter().map(|r| r.metric.as_str()).collect();
            assert_eq!(
                found,
                if metrics.is_empty() {
                    vec!["voltage", "current"]
                } else {
                    vec!["current"]
                }
            );
        }
    }
}

#[tokio::test]
async fn events_of_devices_are_filtered_and_those_of_the_gateway_need_no_filter() {
    let gateway = start().await;
    let event = |device: &str, name: &str| Event {
        device_id: device.into(),
        kind: if device.is_empty() {
            String::new()
        } else {
            "meter.gas".into()
        },
        name: name.into(),
        ..Event::default()
    };
    let mut sequences = Vec::new();
    for event in [event("", "gap"), event("a", "will"), event("b", "will")] {
        sequences.push(
            gateway
                .append_kind(Kind::Event, &event.encode_to_vec())
                .await,
        );
    }
    gateway.append_kind(Kind::Release, &[]).await;
    gateway.append(&["a"]).await;
    for (filter, expected) in [
        (Filter::default(), &sequences[..]),
        (devices(&["a"]), &sequences[1..2]),
    ] {
        let mut stream = gateway.subscribe(earliest(filter)).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let response = within(stream.message()).await.unwrap().unwrap();
            seen.extend(response.events);
            if !response.reports.is_empty() {
                break;
            }
        }
        assert_eq!(
            seen.iter().map(|event| event.sequence).collect::<Vec<_>>(),
            expected
        );
    }
}

#[tokio::test]
async fn wrong_filters_name_the_nearest_word() {
    let gateway = start().await;
    let filter = Filter {
        devices: vec!["pole/7".into()],
        kinds: vec!["metre".into(), "meter".into()],
        metrics: vec!["voltagge".into()],
        ..Filter::default()
    };
    let status = gateway
        .refused(earliest(filter), Code::InvalidArgument)
        .await;
    let details = RpcStatus::decode(status.details()).unwrap();
    let bad = BadRequest::decode(details.details[1].value.as_slice()).unwrap();
    let told: Vec<_> = bad
        .field_violations
        .iter()
        .map(|v| (v.field.as_str(), v.description.as_str()))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0].0, "filter.devices[0]");
    assert_eq!(
        told[1],
        (
            "filter.kinds[0]",
            "unknown kind \"metre\"; did you mean \"meter\"?"
        )
    );
    assert_eq!(
        told[2],
        (
            "filter.metrics[0]",
            "unknown metric \"voltagge\"; did you mean \"voltage\"?"
        )
    );

    let many = Filter {
        devices: vec!["x".into(); 1_001],
        ..Filter::default()
    };
    gateway.refused(earliest(many), Code::InvalidArgument).await;
}

#[tokio::test]
async fn cursors_that_lead_nowhere_say_why() {
    let gateway = start().await;
    let other = start().await;
    other.append(&["a"]).await;
    let mut stream = other.subscribe(from(Start::Earliest(true))).await.unwrap();
    let (_, foreign) = take(&mut stream, 1).await;

    let request = from(Start::AfterCursor("yesterday".into()));
    let status = gateway.refused(request, Code::InvalidArgument).await;
    assert_eq!(info(&status).reason, "INVALID_FIELD");
    let status = gateway
        .refused(from(Start::AfterCursor(foreign)), Code::FailedPrecondition)
        .await;
    assert_eq!(info(&status).reason, "CURSOR_OF_OTHER_LOG");
    let log = &gateway.shared.log;
    let ahead = log.cursor(log.watermark() + 1).to_string();
    let status = gateway
        .refused(from(Start::AfterCursor(ahead)), Code::FailedPrecondition)
        .await;
    assert_eq!(info(&status).reason, "CURSOR_IN_FUTURE");
}

#[tokio::test]
async fn more_subscribers_than_the_limit_are_told() {
    let config = grpc::Config {
        streams_max: 2,
        ..grpc::Config::default()
    };
    let gateway = start_with(config).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(
            gateway
                .subscribe(SubscribeRequest::default())
                .await
                .unwrap(),
        );
    }
    let status = gateway
        .refused(SubscribeRequest::default(), Code::ResourceExhausted)
        .await;
    assert_eq!(info(&status).metadata["limit"], "2");
}

#[tokio::test]
async fn a_halt_ends_streams_with_unavailable_in_time() {
    let mut gateway = start().await;
    let mut stream = gateway
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap();
    let stalled = gateway
        .subscribe(from(Start::Earliest(true)))
        .await
        .unwrap();
    within(stream.message()).await.unwrap();
    gateway.halt.cancel();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "gateway is draining")
    );
    assert_eq!(info(&status).reason, "DRAINING");
    drop(stream);
    within(async { while gateway.servers.join_next().await.is_some() {} }).await;
    drop(stalled);
}

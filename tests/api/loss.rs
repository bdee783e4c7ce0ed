//! What retention, damage and a reader that stops do to a stream: told, never skipped.
use crate::support::{devices, from, info, noise, start, start_with, take, within};
use citygate::api::grpc;
use citygate::model::proto::SubscribeRequest;
use citygate::model::proto::subscribe_request::Start;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_cursor_that_retention_has_passed_is_out_of_range_with_the_way_on() {
    let gateway = start().await;
    let first = gateway.append(&["a"]).await[0];
    let cursor = gateway.shared.log.cursor(first).to_string();
    // Past what four segments of 1 MiB hold; texts that do not compress.
    while gateway.shared.log.oldest().0 <= first + 1 {
        gateway.append_bodies(&noise(16, 60_000)).await;
    }
    let status = gateway
        .refused(from(Start::AfterCursor(cursor)), Code::OutOfRange)
        .await;
    let info = info(&status);
    assert_eq!(info.reason, "OVERTAKEN_BY_RETENTION");
    for key in ["lost_from", "lost_to"] {
        assert!(info.metadata[key].ends_with('Z'), "{info:?}");
    }
    let oldest = gateway.shared.log.oldest().0;
    let request = from(Start::AfterCursor(info.metadata["oldest_cursor"].clone()));
    let mut stream = gateway.subscribe(request).await.unwrap();
    assert_eq!(take(&mut stream, 1).await.0[0].0, oldest);
}

#[tokio::test]
async fn a_filter_that_matches_nothing_outlives_the_retention() {
    let config = grpc::Config {
        heartbeat: Duration::from_millis(200),
        ..grpc::Config::default()
    };
    let gateway = start_with(config).await;
    let first = gateway.append(&["a"]).await[0];
    let request = SubscribeRequest {
        filter: Some(devices(&["silent"])),
        start: None,
    };
    let mut stream = gateway.subscribe(request.clone()).await.unwrap();
    let mut cursor = within(stream.message()).await.unwrap().unwrap().cursor;
    while gateway.shared.log.oldest().0 <= first + 1 {
        gateway.append_bodies(&noise(16, 60_000)).await;
    }
    drop(stream);
    // The old cursor lies before what is left; the heartbeat of a live stream does not.
    gateway
        .refused(
            SubscribeRequest {
                start: Some(Start::AfterCursor(cursor)),
                ..request.clone()
            },
            Code::OutOfRange,
        )
        .await;
    let mut stream = gateway
        .subscribe(SubscribeRequest {
            start: Some(Start::Earliest(true)),
            ..request.clone()
        })
        .await
        .unwrap();
    let first = within(stream.message()).await.unwrap().unwrap();
    let end = gateway.shared.log.watermark();
    let end = gateway.shared.log.cursor(end).to_string();
    assert_ne!(first.cursor, end);
    cursor = first.cursor;
    // Heartbeats move past what was left out.
    while cursor != end {
        let heartbeat = within(stream.message()).await.unwrap().unwrap();
        assert!(heartbeat.reports.is_empty());
        cursor = heartbeat.cursor;
    }
    let request = SubscribeRequest {
        start: Some(Start::AfterCursor(cursor)),
        ..request
    };
    let mut stream = gateway.subscribe(request).await.unwrap();
    let silent = gateway.append(&["silent"]).await;
    assert_eq!(
        take(&mut stream, 1).await.0,
        [(silent[0], "silent".to_owned())]
    );
}

#[tokio::test]
async fn a_subscriber_that_stops_reading_stops_nobody() {
    let gateway = start().await;
    let mut stalled = gateway
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap();
    let mut live = gateway
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap();
    within(live.message()).await.unwrap();
    let mut seen = 0;
    for _ in 0..30 {
        gateway.append_bodies(&noise(8, 60_000)).await;
        seen += take(&mut live, 8).await.0.len();
    }
    assert_eq!(seen, 240);
    // When it reads again, retention has passed what it was not sent.
    let mut status = loop {
        match within(stalled.message()).await {
            Ok(response) => assert!(response.is_some()),
            Err(status) => break status,
        }
    };
    // Retention may move on once more before the way on is taken.
    let mut stream = within(async {
        loop {
            assert_eq!(status.code(), Code::OutOfRange);
            let oldest = info(&status).metadata["oldest_cursor"].clone();
            match gateway.subscribe(from(Start::AfterCursor(oldest))).await {
                Ok(stream) => return stream,
                Err(again) => status = again,
            }
        }
    })
    .await;
    take(&mut stream, 1).await;
    drop((stalled, live, stream));
    within(async {
        while gateway.shared.metrics.subscribers.get() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn damage_is_data_loss_with_the_way_on() {
    let gateway = start().await;
    let mut sequences = Vec::new();
    // Past the cache, so that the first segment is read from the disk.
    for _ in 0..3 {
        sequences.extend(gateway.append_bodies(&noise(4, 100_000)).await);
    }
    let mut segments: Vec<_> = std::fs::read_dir(gateway.dir.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&segments[0], bytes).unwrap();
    let mut stream = gateway
        .subscribe(from(Start::Earliest(true)))
        .await
        .unwrap();
    let status = loop {
        match within(stream.message()).await {
            Ok(response) => assert!(response.unwrap().reports.is_empty()),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DataLoss, "{status:?}");
    let told = info(&status);
    assert_eq!(
        told.metadata["lost_from_sequence"],
        sequences[0].to_string()
    );
    let last: u64 = told.metadata["lost_to_sequence"].parse().unwrap();
    let request = from(Start::AfterCursor(told.metadata["next_cursor"].clone()));
    let mut stream = gateway.subscribe(request).await.unwrap();
    let rest: Vec<u64> = sequences
        .into_iter()
        .filter(|sequence| *sequence > last)
        .collect();
    let seen = take(&mut stream, rest.len()).await.0;
    assert_eq!(
        seen.into_iter()
            .map(|(sequence, _)| sequence)
            .collect::<Vec<_>>(),
        rest
    );
}

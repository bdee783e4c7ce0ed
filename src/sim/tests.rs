//! Whole runs against a gateway of a few lines that acknowledges, forgets and hangs up on purpose.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{ConnAck, ConnectReturnCode, Packet, PubAck, PubComp, PubRec};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the small gateway saw, and when it fails.
#[derive(Default)]
struct Seen {
    payloads: Mutex<Vec<Vec<u8>>>,
    dups: AtomicU64,
    sessions: Mutex<HashSet<String>>,
    /// Hangs up after this many publications, as often as the count says.
    hang_up: Mutex<Vec<u64>>,
    code: u8,
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let mut input = BytesMut::new();
    let mut publishes = 0;
    let limit = seen.hang_up.lock().unwrap().pop();
    loop {
        let mut out = BytesMut::new();
        while let Ok(packet) = Packet::read(&mut input, 1 << 20) {
            match packet {
                Packet::Connect(connect) => {
                    let known = !seen.sessions.lock().unwrap().insert(connect.client_id);
                    let code = match seen.code {
                        0 => ConnectReturnCode::Success,
                        _ => ConnectReturnCode::NotAuthorized,
                    };
                    ConnAck::new(code, known).write(&mut out).unwrap();
                }
                Packet::Publish(publish) => {
                    publishes += 1;
                    if Some(publishes) == limit {
                        return;
                    }
                    seen.dups.fetch_add(u64::from(publish.dup), Relaxed);
                    seen.payloads.lock().unwrap().push(publish.payload.to_vec());
                    match publish.qos {
                        QoS::AtMostOnce => {}
                        QoS::AtLeastOnce => drop(PubAck::new(publish.pkid).write(&mut out)),
                        QoS::ExactlyOnce => drop(PubRec::new(publish.pkid).write(&mut out)),
                    }
                }
                Packet::PubRel(release) => drop(PubComp::new(release.pkid).write(&mut out)),
                _ => {}
            }
        }
        if stream.write_all(&out).await.is_err()
            || stream.read_buf(&mut input).await.unwrap_or(0) == 0
        {
            return;
        }
    }
}

/// A gateway on a free port, until the tasks are dropped.
async fn gateway(seen: Arc<Seen>) -> (Target, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("mqtt://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&seen)));
        }
    });
    (target, tasks)
}

fn fleet(target: Target) -> mqtt::Fleet {
    mqtt::Fleet {
        session: Session {
            tls: None,
            target,
            login: None,
            qos: 1,
            window: 10,
            keep_alive_s: 60,
            patience: Duration::from_secs(20),
        },
        client_id: "test".to_owned(),
        connections: 3,
        named: Vec::new(),
        idle: 0,
    }
}

fn plan(target: Target, load: Load) -> Plan {
    Plan {
        fleets: vec![Fleet::Mqtt(fleet(target))],
        load,
        duration: None,
        drain: Duration::from_secs(20),
        seed: 5,
    }
}

fn max(count: u64) -> Load {
    Load::Max {
        count,
        topic: "city/{device}/json".to_owned(),
        start: Timestamp::from_secs(1_795_392_000),
    }
}

async fn play(seen: &Arc<Seen>, qos: u8, load: Load) -> Summary {
    let (target, _tasks) = gateway(Arc::clone(seen)).await;
    let mut fleet = fleet(target.clone());
    fleet.session.qos = qos;
    let mut plan = plan(target, load);
    plan.fleets = vec![Fleet::Mqtt(fleet)];
    start(plan).await.unwrap()
}

async fn start(plan: Plan) -> Result<Summary, Error> {
    let tally = plan.tally();
    run(plan, &tally, CancellationToken::new()).await
}

#[tokio::test]
async fn everything_sent_is_acknowledged_at_each_qos() {
    for qos in 0..=2 {
        let seen = Arc::default();
        let summary = play(&seen, qos, max(1_000)).await;
        assert_eq!(
            (
                summary.total.sent,
                summary.total.acknowledged,
                summary.total.unexpected
            ),
            (1_000, 1_000, 0),
            "{qos}"
        );
        assert_eq!(summary.latency.is_some(), qos > 0);
    }
}

#[tokio::test]
async fn a_gateway_that_hangs_up_loses_nothing() {
    for qos in 1..=2 {
        let seen = Arc::new(Seen {
            hang_up: Mutex::new(vec![3, 150, 70, 40]),
            ..Seen::default()
        });
        let summary = play(&seen, qos, max(2_000)).await;
        assert_eq!(
            (summary.total.sent, summary.total.acknowledged),
            (2_000, 2_000)
        );
        assert_eq!(
            (summary.total.reconnects, summary.total.sessions_lost),
            (4, 0)
        );
        assert!(summary.total.retransmitted >= 4 && seen.dups.load(Relaxed) > 0);
        // Each of the three devices counts its own milliseconds, so payloads are distinct per device.
        assert!(seen.payloads.lock().unwrap().len() >= 2_000);
    }
}

#[tokio::test]
async fn a_city_arrives_whole_and_in_order_per_device() {
    let now = Timestamp::from_secs(1_795_392_000);
    let options = CityOptions {
        seed: 9,
        devices: 20,
        mix: Mix::default(),
        rate: Some(1e6),
        battery_every: None,
        speed: 1.0,
        start: now,
        now,
        faults: 0.1,
        frames: 0.0,
        oddities: Oddities::default(),
        split: Split::evenly(vec![(Protocol::Mqtt, "city/{device}/json".to_owned())]),
    };
    let mut twin = City::new(&options);
    let mut expected: Vec<Vec<u8>> = (0..500).map(|_| twin.next_message().1.payload).collect();
    let seen: Arc<Seen> = Arc::default();
    let city = Box::new(City::new(&options));
    let summary = play(&seen, 1, Load::City { city, count: 500 }).await;
    assert_eq!((summary.total.sent, summary.total.acknowledged), (500, 500));
    assert_eq!(summary.faults, twin.faults_played());
    let mut arrived = seen.payloads.lock().unwrap().clone();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
}

#[tokio::test]
async fn a_wrong_row_ends_the_run_with_its_line() {
    let (target, _tasks) = gateway(Arc::default()).await;
    let options = ReplayOptions {
        time_column: "t".to_owned(),
        device: Device::Fixed("em-1".to_owned()),
        mappings: vec!["v=voltage".parse().unwrap()],
        zone: jiff::tz::TimeZone::UTC,
        time_format: None,
        split: Split::evenly(vec![(Protocol::Mqtt, "city/{device}/json".to_owned())]),
    };
    let text = "t,v\n2019-01-01T00:00:00Z,230\n2019-01-01T01:00:00Z,high\n";
    let replay = Box::new(Replay::open(Box::new(text.as_bytes()), options).unwrap());
    let load = Load::Replay { replay, rate: None };
    let error = start(plan(target, load)).await.unwrap_err();
    assert_eq!(error.to_string(), "line 3");
}

#[tokio::test]
async fn refusal_and_absence_are_errors() {
    let seen = Arc::new(Seen {
        code: 5,
        ..Seen::default()
    });
    let (target, tasks) = gateway(seen).await;
    let refused = start(plan(target.clone(), max(1))).await;
    assert!(matches!(
        refused,
        Err(Error::Connection {
            count: 3,
            source: Gone::Mqtt(ConnectionError::Refused { .. })
        })
    ));
    drop(tasks);
    let mut fleet = fleet(target.clone());
    fleet.session.patience = Duration::ZERO;
    let absent = start(Plan {
        fleets: vec![Fleet::Mqtt(fleet)],
        ..plan(target, max(1))
    })
    .await;
    assert!(matches!(
        absent,
        Err(Error::Connection {
            source: Gone::Mqtt(ConnectionError::OutOfReach { .. }),
            ..
        })
    ));
}

#[tokio::test]
async fn idle_connections_stay_until_the_stop() {
    let (target, _tasks) = gateway(Arc::default()).await;
    let mut fleet = fleet(target.clone());
    fleet.idle = 20;
    let mut plan = plan(target, Load::Nothing);
    plan.fleets = vec![Fleet::Mqtt(fleet)];
    let (tally, stop) = (plan.tally(), CancellationToken::new());
    let watch = async {
        while tally.connected() < 20 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (summary, ()) = tokio::join!(run(plan, &tally, stop.clone()), watch);
    assert_eq!(summary.unwrap().total.sent, 0);
    assert_eq!(tally.connected(), 0);
}

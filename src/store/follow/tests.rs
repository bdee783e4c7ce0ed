#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::log::Start;
use crate::log::record::RecordView;
use crate::model::Timestamp;
use crate::store::deliver::tests::{context, log};
use crate::store::tally::tests::{counted, damage};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// A log of ten records with two readings each, counted, and what follows it.
struct Bench {
    context: Rc<Context>,
    tally: Arc<Tally>,
    segment: PathBuf,
    first: u64,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (tally, segment, first) = counted(dir.path(), 10);
    let rejects = log(&dir.path().join("rejects"));
    let nobody = "127.0.0.1:9".parse().unwrap();
    Bench {
        context: Rc::new(context(nobody, tally.log().clone(), rejects)),
        tally,
        segment,
        first,
        stop: CancellationToken::new(),
        dir,
    }
}

impl Bench {
    fn parts(&self) -> Parts<'_> {
        Parts {
            context: Rc::clone(&self.context),
            log: self.tally.log(),
            state: self.tally.state(),
            tally: &self.tally,
            stop: &self.stop,
        }
    }

    fn events(&self, name: &str) -> usize {
        let mut reader = self.tally.log().reader(Start::At(self.first + 10)).unwrap();
        let frames = reader.read(1 << 20).unwrap();
        let records = frames.iter().flat_map(|frame| frame.records());
        let holds = |record: &RecordView<'_>| {
            let mut windows = record.body.windows(name.len());
            windows.any(|window| window == name.as_bytes())
        };
        records.filter(|(_, record)| holds(record)).count()
    }
}

/// Behind `settled` records.
fn at<'p>(parts: &'p Parts<'p>, first: u64, settled: u64) -> Follow<'p> {
    let next = first + settled;
    let row = Row {
        log_id: parts.log.id(),
        next,
        base: 0,
        counts: Counts {
            stored: settled * 2,
            ..Counts::default()
        },
        gap: None,
    };
    let (reader, _) = place::begin(parts.log, next);
    Follow::new(parts, row, reader)
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_an_alarm_and_keeps_the_place() {
    let bench = bench();
    let (parts, first) = (bench.parts(), bench.first);
    let mut follow = at(&parts, first, 2);
    let aside = bench.dir.path().join("aside");
    std::fs::rename(&bench.segment, &aside).unwrap();
    std::fs::create_dir(&bench.segment).unwrap();
    follow.step().await;
    assert_eq!(follow.reached, first + 2);
    let (facts, trouble, _) = bench.context.status.look(Instant::now());
    assert_eq!(trouble, Trouble::Alarm);
    assert!(facts.last_error.unwrap().1.contains("cannot read"));
    std::fs::remove_dir(&bench.segment).unwrap();
    std::fs::rename(&aside, &bench.segment).unwrap();
    follow.step().await;
    follow.tell_log();
    assert!(follow.reached > first + 2);
    assert_eq!(bench.context.status.look(Instant::now()).1, Trouble::None);
}

#[tokio::test]
async fn two_damaged_places_are_gaps_and_do_not_hold_it_up() {
    let bench = bench();
    damage(&bench.segment, 3);
    damage(&bench.segment, 8);
    let (parts, first) = (bench.parts(), bench.first);
    let mut follow = at(&parts, first, 0);
    let all = async {
        while follow.reached < first + 10 {
            follow.step().await;
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap();
    // To the reading, although the first could not be told alone.
    assert_eq!(follow.ledger.counts().expired, 4);
    assert_eq!(follow.ledger.read(), 20);
}

#[tokio::test]
async fn a_stop_before_a_loss_is_told_keeps_the_place() {
    let bench = bench();
    let (parts, first) = (bench.parts(), bench.first);
    bench.stop.cancel();
    let mut follow = at(&parts, first, 0);
    // The tally has not come so far.
    assert!(!follow.lose(first, first + 30).await);
    assert_eq!(follow.reached, first);
    follow.drain().await;
    assert_eq!((follow.row.next, follow.row.gap), (first, None));
}

#[tokio::test]
async fn a_rewind_is_told_where_it_happens_and_not_done_for_nobody() {
    let bench = bench();
    let (parts, first) = (bench.parts(), bench.first);
    let mut follow = at(&parts, first, 4);
    let command = || {
        let (answer, asked) = oneshot::channel();
        let to = Timestamp::EPOCH;
        (Command { to, answer }, asked)
    };
    let (nobodys, asked) = command();
    drop(asked);
    assert!(follow.rewind(nobodys).is_none());
    let (somebodys, mut asked) = command();
    let row = follow.rewind(somebodys).unwrap();
    assert_eq!((row.next, row.base), (first, 0));
    assert_eq!(asked.try_recv().unwrap().unwrap().records, 4);
    let wait = async {
        while bench.tally.log().watermark() < first + 10 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.unwrap();
    assert_eq!(bench.events("store_rewound"), 1);
}

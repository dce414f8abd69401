//! Tasks, queues, locks, timers, memory, threads, cancellation.

use crate::{memory, report, Random, Stopwatch};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, Mutex, Notify};
use tokio::task::{yield_now, JoinSet};
use tokio::time::{sleep, timeout};

const BATCH: usize = 1000;
const SLEEPERS: usize = 100_000;
const CANCELLED: usize = 10_000;
const CONTENDERS: usize = 100;

async fn nothing() -> i32 {
    0
}

async fn yielder(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

async fn yield_among(tasks: usize, count: usize) {
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(yielder(count / tasks));
    }
    set.join_all().await;
}

async fn yield_2(count: usize) {
    yield_among(2, count).await;
}

async fn yield_1000(count: usize) {
    yield_among(1000, count).await;
}

async fn spawn_one(count: usize) {
    for _ in 0..count {
        tokio::spawn(nothing()).await.unwrap();
    }
}

/// Tokio has no gather for spawned tasks; this is what join_all over handles does.
async fn spawn_gather(count: usize) {
    let mut handles = Vec::with_capacity(BATCH);
    for _ in 0..count / BATCH {
        handles.extend((0..BATCH).map(|_| tokio::spawn(nothing())));
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
    }
}

async fn spawn_group(count: usize) {
    for _ in 0..count / BATCH {
        let mut set = JoinSet::new();
        for _ in 0..BATCH {
            set.spawn(nothing());
        }
        while set.join_next().await.is_some() {}
    }
}

async fn hand_over(capacity: usize, count: usize) {
    let (sender, mut receiver) = mpsc::channel(capacity);
    let task = tokio::spawn(async move {
        for i in 0..count {
            sender.send(i).await.unwrap();
        }
    });
    while receiver.recv().await.is_some() {}
    task.await.unwrap();
}

async fn queue_1(count: usize) {
    hand_over(1, count).await;
}

async fn queue_128(count: usize) {
    hand_over(128, count).await;
}

async fn lock_free(count: usize) {
    let lock = Mutex::new(());
    for _ in 0..count {
        let _guard = lock.lock().await;
    }
}

async fn lock_100(count: usize) {
    let lock = Arc::new(Mutex::new(()));
    let mut set = JoinSet::new();
    for _ in 0..CONTENDERS {
        let lock = lock.clone();
        set.spawn(async move {
            for _ in 0..count / CONTENDERS {
                let _guard = lock.lock().await;
                yield_now().await;
            }
        });
    }
    set.join_all().await;
}

async fn timeout_ready(count: usize) {
    for _ in 0..count {
        timeout(Duration::from_secs(5), std::future::ready(())).await.unwrap();
    }
}

async fn sleepers_once(name: &str) {
    let mut random = Random(1);
    let mut set = JoinSet::new();
    let watch = Stopwatch::start();
    for _ in 0..SLEEPERS {
        set.spawn(sleep(Duration::from_secs_f64(random.next() * 0.1)));
    }
    while set.join_next().await.is_some() {}
    watch.report(name, "ns", 1e9, SLEEPERS);
}

async fn sleepers() {
    sleepers_once("sleepers_cold").await;
    sleepers_once("sleepers_warm").await;
}

async fn memory_of(name: &str, count: usize) {
    let before = memory();
    for _ in 0..count {
        tokio::spawn(async { sleep(Duration::from_secs(1_000_000)).await });
    }
    sleep(Duration::from_millis(10)).await;
    report(name, "bytes", (memory() - before) / count as f64, 0.0);
    std::process::exit(0);
}

async fn cancel_10k() {
    for round in 0..5 {
        let mut set = JoinSet::new();
        for _ in 0..CANCELLED {
            set.spawn(sleep(Duration::from_secs(1_000_000)));
        }
        sleep(Duration::from_millis(10)).await;
        let watch = Stopwatch::start();
        set.shutdown().await;
        if round == 4 {
            watch.report("cancel_10k", "ns", 1e9, CANCELLED);
        }
    }
}

async fn wake(count: usize) {
    let (question, questions) = std::sync::mpsc::channel();
    let answer = Arc::new(Notify::new());
    let notifier = answer.clone();
    let thread = std::thread::spawn(move || {
        while questions.recv().is_ok() {
            notifier.notify_one();
        }
    });
    for _ in 0..count {
        question.send(()).unwrap();
        answer.notified().await;
    }
    drop(question);
    thread.join().unwrap();
}

async fn to_thread(count: usize) {
    for _ in 0..count {
        tokio::task::spawn_blocking(|| 0).await.unwrap();
    }
}

/// The body runs in a task of its own: block_on's future is none in a runtime of many threads.
fn measure<F, B>(runtime: &Runtime, work: &str, body: B, step: usize, seconds: f64)
where
    F: Future<Output = ()> + Send + 'static,
    B: Fn(usize) -> F,
{
    let mut count = step;
    let took = loop {
        let start = Instant::now();
        runtime.block_on(async { tokio::spawn(body(count)).await.unwrap() });
        let took = start.elapsed().as_secs_f64();
        if took >= seconds / 4.0 {
            break took;
        }
        count *= if took < seconds / 40.0 { 8 } else { 2 };
    };
    count = (((count as f64 * seconds / took) as usize) / step * step).max(step);
    let watch = Stopwatch::start();
    runtime.block_on(async { tokio::spawn(body(count)).await.unwrap() });
    watch.report(work, "ns", 1e9, count);
}

pub fn run(runtime: &Runtime, work: &str, seconds: f64) {
    match work {
        "yield_2" => measure(runtime, work, yield_2, 2, seconds),
        "yield_1000" => measure(runtime, work, yield_1000, 1000, seconds),
        "spawn_one" => measure(runtime, work, spawn_one, 1, seconds),
        "spawn_gather" => measure(runtime, work, spawn_gather, BATCH, seconds),
        "spawn_group" => measure(runtime, work, spawn_group, BATCH, seconds),
        "queue_1" => measure(runtime, work, queue_1, 1, seconds),
        "queue_128" => measure(runtime, work, queue_128, 1, seconds),
        "lock_free" => measure(runtime, work, lock_free, 1, seconds),
        "lock_100" => measure(runtime, work, lock_100, CONTENDERS, seconds),
        "timeout" => measure(runtime, work, timeout_ready, 1, seconds),
        "wake" => measure(runtime, work, wake, 1, seconds),
        "to_thread" => measure(runtime, work, to_thread, 1, seconds),
        "sleepers" => runtime.block_on(async { tokio::spawn(sleepers()).await.unwrap() }),
        "memory_100k" => runtime.block_on(memory_of(work, 100_000)),
        "memory_1m" => runtime.block_on(memory_of(work, 1_000_000)),
        "cancel_10k" => runtime.block_on(async { tokio::spawn(cancel_10k()).await.unwrap() }),
        _ => println!(
            "yield_2\nyield_1000\nspawn_one\nspawn_gather\nspawn_group\nqueue_1\nqueue_128\nlock_free\nlock_100\n\
             timeout\nwake\nto_thread\nsleepers\nmemory_100k\nmemory_1m\ncancel_10k"
        ),
    }
}

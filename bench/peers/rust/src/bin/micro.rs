//! rt.c and cancel.c on tokio: the same cases under the same names
//!
//!     micro [CASE...]      {"case": {"value": microseconds, "n": operations}, ...}; CASE sleepers: MiB of 100,000 sleeping tasks
//!
//! A current_thread runtime, as the others have one thread. CPU time of the process, except for off-loaded calls: wall time.
//! tokio cancels by dropping: a scope without a deadline is a CancellationToken, one with a deadline is `timeout`.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, Notify, Semaphore};
use tokio::task::{spawn, spawn_blocking, yield_now, JoinHandle};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const FAR: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);
const HUNDRED: usize = 100;
const THOUSAND: usize = 1000;
const MESSAGE: usize = 64;

async fn join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

async fn many<F: Future<Output = ()> + Send + 'static>(tasks: usize, work: impl Fn() -> F) {
    join((0..tasks).map(|_| spawn(work())).collect()).await
}

async fn spawn_join(n: usize) {
    for _ in 0..n {
        spawn(async {}).await.unwrap();
    }
}

async fn spawn_join_100(n: usize) {
    for _ in 0..n / HUNDRED {
        many(HUNDRED, || async {}).await;
    }
}

async fn sem(n: usize) {
    let gate = Semaphore::new(1);
    for _ in 0..n {
        drop(gate.acquire().await.unwrap());
    }
}

async fn sem_contended(n: usize) {
    let gate = Arc::new(Semaphore::new(10));
    many(HUNDRED, || {
        let gate = gate.clone();
        async move {
            for _ in 0..n / HUNDRED {
                let _permit = gate.acquire().await.unwrap();
                yield_now().await;
            }
        }
    })
    .await;
}

async fn switch(n: usize) {
    many(2, || async move {
        for _ in 0..n / 2 {
            yield_now().await;
        }
    })
    .await;
}

async fn offload(n: usize) {
    for _ in 0..n {
        spawn_blocking(|| ()).await.unwrap();
    }
}

async fn offload_100(n: usize) {
    many(HUNDRED, || offload(n / HUNDRED)).await;
}

async fn checkpoint(n: usize) {
    let token = CancellationToken::new();
    for _ in 0..n {
        assert!(!std::hint::black_box(&token).is_cancelled());
    }
}

async fn scope(n: usize) {
    let outer = CancellationToken::new();
    for _ in 0..n {
        outer
            .child_token()
            .run_until_cancelled(async {})
            .await
            .unwrap();
    }
}

/// The work is ready at once: tokio then sets no timer.
async fn scope_deadline(n: usize) {
    for _ in 0..n {
        timeout(FAR, std::future::ready(())).await.unwrap();
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

fn inside(scopes: usize, work: Work) -> Work {
    if scopes == 0 {
        return work;
    }
    Box::pin(async move { timeout(FAR, inside(scopes - 1, work)).await.unwrap() })
}

async fn queue(n: usize, scopes: usize, impatient: bool) {
    let (send, mut receive) = mpsc::channel(HUNDRED);
    let producer = async move {
        for i in 0..n {
            send.send(i).await.unwrap();
        }
    };
    let consumer = async move {
        if impatient {
            while timeout(FAR, receive.recv()).await.unwrap().is_some() {}
        } else {
            while receive.recv().await.is_some() {}
        }
    };
    let producer = spawn(inside(scopes, Box::pin(producer)));
    spawn(inside(scopes, Box::pin(consumer))).await.unwrap();
    producer.await.unwrap();
}

async fn play(mut end: UnixStream, n: usize, impatient: bool) {
    let mut message = [0u8; MESSAGE];
    for _ in 0..n {
        end.write_all(&message).await.unwrap();
        if impatient {
            timeout(FAR, end.read(&mut message)).await.unwrap().unwrap();
        } else {
            end.read(&mut message).await.unwrap();
        }
    }
}

async fn read(n: usize, impatient: bool) {
    let (left, right) = UnixStream::pair().unwrap();
    join(vec![
        spawn(play(left, n / 2, impatient)),
        spawn(play(right, n / 2, impatient)),
    ])
    .await;
}

async fn sleeping(n: usize, impatient: bool) {
    many(THOUSAND, || async move {
        for _ in 0..n / THOUSAND {
            if impatient {
                timeout(FAR, sleep(MS)).await.unwrap();
            } else {
                sleep(MS).await;
            }
        }
    })
    .await;
}

async fn cancel(n: usize) -> Duration {
    let never = Arc::new(Notify::new());
    let tasks: Vec<_> = (0..n)
        .map(|_| {
            let never = never.clone();
            spawn(async move { never.notified().await })
        })
        .collect();
    yield_now().await;
    let start = cpu();
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    cpu() - start
}

fn cpu() -> Duration {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    assert_eq!(
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) },
        0
    );
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

fn rss_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / (1 << 20) as f64
}

async fn sleepers() {
    let before = rss_mib();
    let tasks: Vec<_> = (0..100_000).map(|_| spawn(sleep(FAR))).collect();
    sleep(Duration::from_secs(1)).await;
    println!(
        "{{\"sleepers\": {{\"value\": {:.1}, \"n\": 100000}}}}",
        rss_mib() - before
    );
    drop(tasks);
}

/// Runs one case; a duration when the case timed only a part of itself.
async fn run(name: &str, n: usize) -> Option<Duration> {
    match name {
        "spawn_join" => spawn_join(n).await,
        "spawn_join_100" => spawn_join_100(n).await,
        "queue" | "queue_0" => queue(n, 0, false).await,
        "queue_1" => queue(n, 1, false).await,
        "queue_10" => queue(n, 10, false).await,
        "queue_deadline" => queue(n, 0, true).await,
        "sem" => sem(n).await,
        "sem_contended" => sem_contended(n).await,
        "switch" => switch(n).await,
        "offload" => offload(n).await,
        "offload_100" => offload_100(n).await,
        "checkpoint" => checkpoint(n).await,
        "scope" => scope(n).await,
        "scope_deadline" => scope_deadline(n).await,
        "read" => read(n, false).await,
        "read_deadline" => read(n, true).await,
        "sleep" => sleeping(n, false).await,
        "sleep_deadline" => sleeping(n, true).await,
        "cancel" => return Some(cancel(n).await),
        _ => panic!("no case '{name}'"),
    }
    None
}

const CASES: &[(&str, usize)] = &[
    ("spawn_join", 500_000),
    ("spawn_join_100", 1_000_000),
    ("queue", 2_000_000),
    ("sem", 5_000_000),
    ("sem_contended", 500_000),
    ("switch", 2_000_000),
    ("offload", 20_000),
    ("offload_100", 100_000),
    ("checkpoint", 5_000_000),
    ("scope", 500_000),
    ("scope_deadline", 500_000),
    ("queue_0", 2_000_000),
    ("queue_1", 2_000_000),
    ("queue_10", 2_000_000),
    ("queue_deadline", 1_000_000),
    ("read", 100_000),
    ("read_deadline", 100_000),
    ("sleep", 100_000),
    ("sleep_deadline", 100_000),
    ("cancel", 100_000),
];

/// Case by case in a task of its own: the main future of block_on is woken differently.
fn measure(runtime: &tokio::runtime::Runtime, name: &'static str, n: usize) -> f64 {
    let once = |n| runtime.block_on(async move { spawn(run(name, n)).await.unwrap() });
    once(n / 10);
    let (wall, start) = (Instant::now(), cpu());
    let part = once(n);
    let took = if name.starts_with("offload") {
        wall.elapsed()
    } else {
        cpu() - start
    };
    part.unwrap_or(took).as_secs_f64() * 1e6 / n as f64
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if asked == ["sleepers"] {
        return runtime.block_on(sleepers());
    }
    let figures: Vec<String> = CASES
        .iter()
        .filter(|(name, _)| asked.is_empty() || asked.iter().any(|a| a == name))
        .map(|&(name, n)| {
            format!(
                "\"{name}\": {{\"value\": {:.6}, \"n\": {n}}}",
                measure(&runtime, name, n)
            )
        })
        .collect();
    println!("{{{}}}", figures.join(", "));
}

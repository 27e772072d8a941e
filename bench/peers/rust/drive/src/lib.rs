//! Drives a Rust client as ../../../README.md says every driver does: on one thread, as the others have one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is asked of a client to be driven.
pub trait Client: Sized + 'static {
    /// For the server at this URL, with at most so many connections kept.
    fn make(url: &str, connections: usize) -> Result<Self, Failure>;

    /// One GET whose body is read.
    fn call(&self) -> impl Future<Output = Result<(), Failure>>;
}

fn cpu_seconds() -> f64 {
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn resident_bytes() -> Result<i64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: i64 = statm.split(' ').nth(1).ok_or("no pages")?.parse()?;
    Ok(pages * 4096)
}

struct Run {
    start: Instant,
    begin: Instant,
    end: Instant,
    rate: f64,
    sequence: Cell<u64>,
    nanos: RefCell<Vec<u64>>,
    per_tenth: RefCell<Vec<u64>>,
    error_count: Cell<u64>,
}

async fn lane<C: Client>(client: Rc<C>, run: Rc<Run>) {
    loop {
        let mut from = Instant::now();
        if run.rate > 0.0 {
            let index = run.sequence.replace(run.sequence.get() + 1);
            from = run.start + Duration::from_secs_f64(index as f64 / run.rate);
            if from < run.end {
                tokio::time::sleep_until(from.into()).await;
            }
        }
        if from >= run.end {
            return;
        }
        let outcome = client.call().await;
        let now = Instant::now();
        if now >= run.begin && now < run.end {
            match &outcome {
                Ok(()) => {
                    run.nanos.borrow_mut().push((now - from).as_nanos() as u64);
                    let tenth = ((now - run.begin).as_millis() / 100) as usize;
                    run.per_tenth.borrow_mut()[tenth] += 1;
                }
                Err(_) => run.error_count.set(run.error_count.get() + 1),
            }
        }
        if outcome.is_err() {
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

async fn load<C: Client>(client: Rc<C>, options: &HashMap<String, String>, callers: usize) -> Result<(), Failure> {
    let number = |name: &str| options.get(name).map_or(Ok(0.0), |text| text.parse::<f64>());
    let (seconds, warmup) = (number("seconds")?, number("warmup")?);
    let start = Instant::now();
    let begin = start + Duration::from_secs_f64(warmup);
    let tenths = (seconds * 10.0).ceil() as usize;
    let run = Rc::new(Run {
        start,
        begin,
        end: begin + Duration::from_secs_f64(seconds),
        rate: number("rate")?,
        sequence: Cell::new(0),
        nanos: RefCell::new(Vec::new()),
        per_tenth: RefCell::new(vec![0; tenths]),
        error_count: Cell::new(0),
    });
    let cpu_at_begin = Rc::new(Cell::new(0.0));
    let noted = cpu_at_begin.clone();
    tokio::task::spawn_local(async move {
        tokio::time::sleep_until(begin.into()).await;
        noted.set(cpu_seconds());
    });
    let lanes: Vec<_> = (0..callers)
        .map(|_| tokio::task::spawn_local(lane(client.clone(), run.clone())))
        .collect();
    for each in lanes {
        each.await?;
    }
    let cpu = cpu_seconds() - cpu_at_begin.get();
    let mut nanos = run.nanos.borrow_mut();
    nanos.sort_unstable();
    let micros = |share: f64| match nanos.len() {
        0 => 0,
        count => nanos[((count as f64 * share) as usize).min(count - 1)] / 1000,
    };
    println!(
        "{{\"requestCount\":{},\"seconds\":{seconds},\"cpuSeconds\":{cpu},\"errorCount\":{},\"p50Micros\":{},\"p99Micros\":{},\"p999Micros\":{},\"perTenth\":{:?}}}",
        nanos.len(), run.error_count.get(), micros(0.5), micros(0.99), micros(0.999), run.per_tenth.borrow()
    );
    Ok(())
}

async fn drive<C: Client>() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<String, String> =
        words.chunks_exact(2).map(|pair| (pair[0].trim_start_matches('-').to_string(), pair[1].clone())).collect();
    let connections: usize = options.get("connections").map_or(Ok(1), |text| text.parse())?;
    let callers: usize = options.get("callers").map_or(Ok(connections), |text| text.parse())?;
    let client = Rc::new(C::make(options.get("url").ok_or("--url is missing")?, connections)?);
    match options.get("task").map(String::as_str) {
        Some("first") => {
            client.call().await?;
            println!("{{\"requestCount\":1}}");
        }
        Some("idle") => {
            client.call().await?;
            let before = resident_bytes()?;
            let lanes: Vec<_> = (0..connections)
                .map(|_| {
                    let client = client.clone();
                    tokio::task::spawn_local(async move { client.call().await })
                })
                .collect();
            for each in lanes {
                each.await??;
            }
            println!("{{\"residentBytes\":{}}}", resident_bytes()? - before);
        }
        _ => load(client, &options, callers).await?,
    }
    Ok(())
}

/// The whole of a driver's `main`.
pub fn run<C: Client>() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, drive::<C>())
}

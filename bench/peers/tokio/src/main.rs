//! The works on Tokio. What programs share: see bench/bench.h, whose measure and output these follow.
//! Usage: bench current|multi core WORK [SECONDS] | echo | http | client URL COUNT AT_ONCE | files WORK FOLDER

mod core;
mod echo;
mod files;
mod http;

use std::time::{Duration, Instant};

/// Processor time of all threads.
pub fn cpu() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

pub fn report(work: &str, unit: &str, value: f64, cpu: f64) {
    println!("{{\"work\": \"{work}\", \"unit\": \"{unit}\", \"value\": {value}, \"cpu\": {cpu}}}");
}

/// Resident memory and page tables, in bytes.
pub fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS:") || line.starts_with("VmPTE:"));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()).sum::<f64>() * 1024.0
}

pub struct Random(pub u32);

impl Random {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        f64::from(self.0 >> 8) / 16777216.0
    }
}

/// Measures an operation that was done `count` times between two calls.
pub struct Stopwatch(Instant, Duration);

impl Stopwatch {
    pub fn start() -> Self {
        Stopwatch(Instant::now(), cpu())
    }
    pub fn report(self, work: &str, unit: &str, units_per_second: f64, count: usize) {
        let (took, used) = (self.0.elapsed(), cpu() - self.1);
        let each = |time: Duration| time.as_secs_f64() * units_per_second / count as f64;
        report(work, unit, each(took), each(used));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let mut builder = match argument(0) {
        "multi" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().unwrap();
    match argument(1) {
        "core" => core::run(&runtime, argument(2), argument(3).parse().unwrap_or(0.3)),
        "echo" => runtime.block_on(async { tokio::spawn(echo::serve()).await.unwrap() }),
        "http" => runtime.block_on(async { tokio::spawn(http::serve()).await.unwrap() }),
        "client" => runtime.block_on(http::client(
            argument(2).parse().unwrap(),
            argument(3).parse().unwrap(),
            argument(4).parse().unwrap(),
        )),
        "files" => runtime.block_on(files::run(argument(2).to_owned(), argument(3).to_owned())),
        _ => eprintln!("usage: bench current|multi core|echo|http|client|files ..."),
    }
    std::process::exit(0);
}

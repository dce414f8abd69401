//! Files by tokio::fs.

use crate::{Random, Stopwatch};
use std::io::SeekFrom;
use std::sync::{Arc, Mutex};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::task::JoinSet;

const SMALL: usize = 10_000;
const AT_ONCE: usize = 100;
const READS: usize = 20_000;
const BLOCK: usize = 4096;
const PIECE: usize = 1 << 20;

async fn small(folder: String) -> usize {
    let names = Arc::new(Mutex::new(0..SMALL));
    let mut set = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (names, folder) = (names.clone(), folder.clone());
        set.spawn(async move {
            loop {
                let Some(i) = names.lock().unwrap().next() else { return };
                assert_eq!(fs::read(format!("{folder}/small/{i}")).await.unwrap().len(), BLOCK);
            }
        });
    }
    set.join_all().await;
    SMALL
}

async fn copy(folder: String) -> usize {
    let mut source = File::open(format!("{folder}/large")).await.unwrap();
    let mut target = File::create(format!("{folder}/copy")).await.unwrap();
    source.set_max_buf_size(PIECE);
    target.set_max_buf_size(PIECE);
    let mut buffer = vec![0; PIECE];
    loop {
        let size = source.read(&mut buffer).await.unwrap();
        if size == 0 {
            break;
        }
        target.write_all(&buffer[..size]).await.unwrap();
    }
    target.flush().await.unwrap();
    1
}

async fn random(folder: String) -> usize {
    let blocks = fs::metadata(format!("{folder}/large")).await.unwrap().len() / BLOCK as u64;
    let mut numbers = Random(1);
    let offsets: Vec<u64> = (0..READS).map(|_| (numbers.next() * blocks as f64) as u64 * BLOCK as u64).collect();
    let offsets = Arc::new(Mutex::new(offsets.into_iter()));
    let mut set = JoinSet::new();
    for _ in 0..AT_ONCE {
        let mut file = File::open(format!("{folder}/large")).await.unwrap();
        let offsets = offsets.clone();
        set.spawn(async move {
            let mut block = [0; BLOCK];
            loop {
                let Some(offset) = offsets.lock().unwrap().next() else { return };
                file.seek(SeekFrom::Start(offset)).await.unwrap();
                file.read_exact(&mut block).await.unwrap();
            }
        });
    }
    set.join_all().await;
    READS
}

pub async fn run(work: String, folder: String) {
    let watch = Stopwatch::start();
    let count = match work.as_str() {
        "small" => small(folder).await,
        "copy" => copy(folder).await,
        _ => random(folder).await,
    };
    watch.report(&format!("files_{work}"), "us", 1e6, count);
}

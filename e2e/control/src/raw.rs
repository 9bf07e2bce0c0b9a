//! The baselines: the same work without a server.

use crate::times::Calls;
use anyhow::{Context as _, anyhow, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Arguments of `argon2`.
#[derive(clap::Args)]
pub struct Argon2Words {
    #[arg(long)]
    memory_kib: u32,
    #[arg(long)]
    passes: u32,
    #[arg(long)]
    lanes: u32,
    #[arg(long)]
    seconds: f64,
}

impl Argon2Words {
    /// Runs one thread per core. Each verifies the correct password against a stored hash, as a login does.
    pub fn run(self) -> anyhow::Result<Value> {
        let failed = |error: &dyn std::fmt::Display| anyhow!("Argon2: {error}");
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(|e| failed(&e))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let password = crate::device::PASSWORD.as_bytes();
        let stored: Arc<str> = argon2.hash_password(password).map_err(|e| failed(&e))?.to_string().into();
        let cores = std::thread::available_parallelism()?.get();
        let started = Instant::now();
        let until = started + Duration::from_secs_f64(self.seconds);
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                let (argon2, stored) = (argon2.clone(), stored.clone());
                std::thread::spawn(move || {
                    let mut calls = Calls::default();
                    while Instant::now() < until {
                        let began = Instant::now();
                        let right = argon2::password_hash::phc::PasswordHash::new(&stored)
                            .map_err(|e| anyhow!("{e}"))
                            .and_then(|hash| argon2.verify_password(password, &hash).map_err(|e| anyhow!("{e}")));
                        calls.note(began.elapsed(), right);
                    }
                    calls
                })
            })
            .collect();
        let mut all = Calls::default();
        for thread in threads {
            all.join(thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        }
        Ok(all.report(started.elapsed()))
    }
}

/// Arguments of `redis`.
#[derive(clap::Args)]
pub struct RedisWords {
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    callers: usize,
    #[arg(long)]
    seconds: f64,
}

impl RedisWords {
    /// Each caller uses its own connection and writes hashes of the size of a session one after the other.
    pub fn run(self) -> anyhow::Result<Value> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let started = Instant::now();
            let until = started + Duration::from_secs_f64(self.seconds);
            let mut set = tokio::task::JoinSet::new();
            for number in 0..self.callers {
                let mut stream = UnixStream::connect(&self.socket).await.context("cannot connect to Redis")?;
                set.spawn(async move {
                    let mut calls = Calls::default();
                    let mut turn = 0u64;
                    while Instant::now() < until {
                        turn += 1;
                        let began = Instant::now();
                        let done = write(&mut stream, number, turn).await;
                        calls.note(began.elapsed(), done);
                    }
                    calls
                });
            }
            Ok(Calls::of(set).await?.report(started.elapsed()))
        })
    }
}

async fn write(stream: &mut UnixStream, number: usize, turn: u64) -> anyhow::Result<()> {
    let words = format!("HSET bench:{number}:{} heartbeat {turn} state online facts {:0>120}\r\n", turn % 400, turn);
    stream.write_all(words.as_bytes()).await?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).await?;
    ensure!(length > 0 && answer.first() == Some(&b':'), "Redis rejected the command: {:?}", answer.get(..length));
    Ok(())
}

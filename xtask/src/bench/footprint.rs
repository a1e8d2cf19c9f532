//! What the server needs when nobody asks, and how soon it answers.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Bench,
    cores::{self, Cores},
    doorward::{self, Installation},
    figure::{Figure, Target},
    free_port, http, nginx, session,
};

/// Services of the server that is started.
const SERVICES: usize = 100;

/// Memory of a server that has started and answered once, and the size of the program.
pub(super) fn footprint(_: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let cores = Cores::of_this_process()?;
    let upstream = nginx::upstream(free_port()?, cores)?;
    let installation =
        Installation::make("footprint", [free_port()?, free_port()?], upstream.port, SERVICES)?;
    let (running, link) = installation.start_new(cores::anywhere)?;
    let cookie = session::cookie(&link, running.port)?;
    let answer = http::get(running.port, session::HOST, "/", Some(&cookie))?;
    ensure!(answer.status == 200, "the server answered {}", answer.status);
    let idle = running.resident()? / 1024.0;
    let program = doorward::program()?;
    let size = fs::metadata(&program).with_context(|| format!("{} is missing", program.display()))?.len();
    let size = f64::from(u32::try_from(size / 1024)?) / 1024.0;
    Ok(vec![
        Figure::single("idle memory, 100 services, after a sign-in", Target::AtMost(30.0), " MiB", idle),
        Figure::single("release binary", Target::AtMost(25.0), " MiB", size),
    ])
}

/// From the start of the program to the first answer that a session got through the gate.
pub(super) fn start(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let cores = Cores::of_this_process()?;
    let upstream = nginx::upstream(free_port()?, cores)?;
    let installation = Installation::make("start", [free_port()?, free_port()?], upstream.port, SERVICES)?;
    let (running, link) = installation.start_new(cores::anywhere)?;
    let cookie = session::cookie(&link, running.port)?;
    drop(running);
    let mut rounds = Vec::new();
    for _ in 0..bench.options.rounds {
        let begun = Instant::now();
        let running = installation.start(cores::anywhere)?;
        let answer = loop {
            match http::get(running.port, session::HOST, "/", Some(&cookie)) {
                Ok(answer) => break answer,
                Err(_) if begun.elapsed() < Duration::from_secs(10) => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        };
        rounds.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(answer.status == 200, "the server answered {}", answer.status);
    }
    Ok(vec![Figure::of_rounds(
        "start to the first gated answer, 100 services",
        Target::AtMost(150.0),
        " ms",
        &rounds,
    )])
}

//! What bodies and open streams cost in memory.

use std::{
    fs,
    net::TcpStream,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::{
    Bench, cores,
    doorward::Installation,
    figure::{Figure, Target},
    free_port,
    running::Running,
    session,
    streams::{Application, Client, Stream, send_byte, send_event},
};

const MIB: usize = 1024 * 1024;
/// Open WebSockets.
const WEBSOCKETS: u16 = 1_000;
/// Open streams of events.
const SUBSCRIBERS: u16 = 10_000;
/// Files that this program and the server want to be allowed: two for each stream.
const FILES: u32 = 65_536;
/// Files that are no streams.
const FILES_BESIDES: u16 = 200;

/// Our server in front of an application that streams.
struct Scene {
    application: Application,
    doorward: Running,
    cookie: String,
    /// Files that may be open.
    files: u16,
}

impl Scene {
    fn set() -> Result<Self> {
        let files = allow_files()?;
        let application = Application::start()?;
        let installation = Installation::make("memory", [free_port()?, free_port()?], application.port, 0)?;
        let (doorward, setup_link) = installation.start_new(cores::anywhere)?;
        let cookie = session::cookie(&setup_link, doorward.port)?;
        Ok(Self { application, doorward, cookie, files })
    }

    fn client(&self) -> Client<'_> {
        Client { port: self.doorward.port, host: session::HOST, cookie: &self.cookie }
    }

    /// Opens `count` streams: the clients' ends and the application's.
    fn open(&self, count: u16, kind: Stream) -> Result<[Vec<TcpStream>; 2]> {
        let (mut clients, mut served) = (Vec::new(), Vec::new());
        for number in 0..count {
            let client = self.client().open(kind).with_context(|| format!("stream {number}"))?;
            clients.push(client);
            served.push(self.application.opened.recv().context("the application ended")?);
        }
        Ok([clients, served])
    }
}

/// How many files this program and the server may have open: as many as all streams need, or as many as the system
/// allows. The limit is inherited, so that the server gets it from us.
fn allow_files() -> Result<u16> {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={FILES}:{FILES}");
    let raised = Command::new("prlimit").args(["--pid", &pid, &limit]).stderr(Stdio::null()).status();
    raised.context("prlimit is missing")?;
    let limits = fs::read_to_string("/proc/self/limits").context("/proc is needed")?;
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok());
    let files = files.context("/proc/self/limits has no limit of files")?;
    Ok(u16::try_from(files.min(FILES)).unwrap_or(u16::MAX))
}

/// The peak of a body of 100 MiB above that of 1 MiB, each way.
pub(super) fn bodies(_: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let scene = Scene::set()?;
    let client = scene.client();
    let peak = |transfer: &dyn Fn(usize) -> Result<()>, size: usize| {
        scene.doorward.forget_peak()?;
        transfer(size)?;
        scene.doorward.peak()
    };
    let mut figures = Vec::new();
    for (what, transfer) in [
        ("download", &(|size| client.download(size)) as &dyn Fn(usize) -> Result<()>),
        ("upload", &|size| client.upload(size)),
    ] {
        // Once before, so that what the first transfer makes for good is not taken for a cost of its size.
        transfer(MIB)?;
        let small = peak(transfer, MIB)?;
        let large = peak(transfer, 100 * MIB)?;
        let figure = Figure::single(
            &format!("memory of a {what} of 100 MiB above one of 1 MiB"),
            Target::AtMost(1024.0),
            " KiB",
            large - small,
        );
        figures.push(figure.with_details(format!("peaks of {small:.0} KiB and {large:.0} KiB")));
    }
    Ok(figures)
}

pub(super) fn websockets(_: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let scene = Scene::set()?;
    scene.client().download(MIB)?;
    let before = scene.doorward.resident()?;
    let [mut clients, mut served] = scene.open(WEBSOCKETS, Stream::WebSocket)?;
    send_byte(&mut clients, &mut served)?;
    let after = scene.doorward.resident()?;
    Ok(vec![each("an idle WebSocket", WEBSOCKETS, [before, after])])
}

pub(super) fn events(_: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let scene = Scene::set()?;
    scene.client().download(MIB)?;
    let before = scene.doorward.resident()?;
    // Two files for each, and some besides.
    let count = SUBSCRIBERS.min(scene.files.saturating_sub(FILES_BESIDES) / 2);
    let [mut clients, mut served] = scene.open(count, Stream::Events)?;
    send_event(&mut served, &mut clients)?;
    let after = scene.doorward.resident()?;
    Ok(vec![each("a subscriber of events", count, [before, after])])
}

fn each(what: &str, count: u16, [before, after]: [f64; 2]) -> Figure {
    let figure = Figure::single(
        &format!("memory of {what}, of {count}"),
        Target::AtMost(20.0),
        " KiB",
        (after - before) / f64::from(count),
    );
    figure.with_details(format!("{before:.0} KiB before, {after:.0} KiB with all of them open"))
}

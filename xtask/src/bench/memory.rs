//! What bodies and open streams cost in memory.

use std::{net::TcpStream, process::Command};

use anyhow::{Context as _, Result, ensure};

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
/// Files that this program and the server may have open: two for each stream.
const FILES: u32 = 65_536;

/// Our server in front of an application that streams.
struct Scene {
    application: Application,
    doorward: Running,
    cookie: String,
}

impl Scene {
    fn set() -> Result<Self> {
        allow_files()?;
        let application = Application::start()?;
        let installation = Installation::make("memory", [free_port()?, free_port()?], application.port, 0)?;
        let (doorward, setup_link) = installation.start_new(cores::anywhere)?;
        let cookie = session::cookie(&setup_link, doorward.port)?;
        Ok(Self { application, doorward, cookie })
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

/// The limit is inherited, so that the server gets it from us.
fn allow_files() -> Result<()> {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={FILES}:{FILES}");
    let status =
        Command::new("prlimit").args(["--pid", &pid, &limit]).status().context("prlimit is missing")?;
    ensure!(status.success(), "{FILES} open files are not allowed; run as root, or raise the limit");
    Ok(())
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
    let [mut clients, mut served] = scene.open(SUBSCRIBERS, Stream::Events)?;
    send_event(&mut served, &mut clients)?;
    let after = scene.doorward.resident()?;
    Ok(vec![each("a subscriber of events", SUBSCRIBERS, [before, after])])
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

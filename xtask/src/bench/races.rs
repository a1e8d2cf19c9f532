//! Comparisons: two ways take turns under the same load, and the ratio of each round counts.

use anyhow::Result;

use super::{
    Bench,
    doorward::OPEN,
    figure::{Figure, Target, median},
    load::{Drive, Kind, Load},
    options::Options,
    running::Running,
    session,
    stage::Stage,
};

/// Seconds that each way is driven before anything is counted.
const WARM_UP: u32 = 2;
/// Below this share of its core a server was waiting for the load, not the load for it.
const SATURATED: f64 = 0.9;

/// One way: a server and the load that it gets.
pub(super) struct Way<'a> {
    pub(super) name: &'static str,
    pub(super) server: &'a Running,
    pub(super) load: Load<'a>,
}

/// All rounds of two ways.
pub(super) struct Race {
    names: [&'static str; 2],
    rounds: Vec<[Drive; 2]>,
}

impl Race {
    /// Drives both in turn. Who goes first alternates, so that a machine that slows down favours nobody.
    pub(super) fn run(options: &Options, ways: &[Way<'_>; 2]) -> Result<Self> {
        let [left, right] = ways;
        for way in ways {
            Load { seconds: WARM_UP, ..way.load }.drive(way.server)?;
        }
        let mut race = Self { names: [left.name, right.name], rounds: Vec::new() };
        for round in 1..=options.rounds {
            let drives = if round % 2 == 1 {
                let first = left.load.drive(left.server)?;
                [first, right.load.drive(right.server)?]
            } else {
                let first = right.load.drive(right.server)?;
                [left.load.drive(left.server)?, first]
            };
            let [ours, theirs] = drives;
            let line = format!("{round:>3}  {:>9.0}  {:>9.0} requests/s", ours.per_second, theirs.per_second);
            options.say(&line);
            race.rounds.push(drives);
        }
        Ok(race)
    }

    pub(super) fn ratios(&self, of: impl Fn(&Drive) -> f64) -> Vec<f64> {
        self.rounds.iter().map(|[left, right]| of(left) / of(right)).collect()
    }

    fn medians(&self, of: impl Fn(&Drive) -> f64) -> [f64; 2] {
        [0, 1].map(|way| median(self.rounds.iter().map(|drives| of(&drives[way])).collect()))
    }

    fn saturated(&self) -> bool {
        self.medians(|drive| drive.busy).into_iter().all(|busy| busy >= SATURATED)
    }

    /// How many times as many requests the left way serves. Where the load could not keep both cores busy, its
    /// requests per second say nothing, and those per processor time count.
    pub(super) fn speed(&self, what: &str, least: f64) -> Figure {
        let (ratios, how) = if self.saturated() {
            (self.ratios(|drive| drive.per_second), "")
        } else {
            (self.ratios(|drive| 1.0 / drive.cost), ", by processor time")
        };
        Figure::of_rounds(&format!("{what}{how}"), Target::AtLeast(least), "×", &ratios)
            .with_details(self.details())
    }

    pub(super) fn details(&self) -> String {
        let (per_second, cost) = (self.medians(|drive| drive.per_second), self.medians(|drive| drive.cost));
        let busy = self.medians(|drive| drive.busy * 100.0);
        let line = |way: usize| {
            format!(
                "{}: {:.0}/s, {:.1} µs of processor each, {:.0} % of the core",
                self.names[way], per_second[way], cost[way], busy[way]
            )
        };
        format!("{}; {}", line(0), line(1))
    }
}

pub(super) fn load<'a>(options: &Options, stage: &'a Stage, kind: Kind) -> Load<'a> {
    Load {
        kind,
        connections: options.connections,
        seconds: options.seconds,
        host: session::HOST,
        path: "/",
        cookie: Some(&stage.cookie),
        helper: None,
        script: None,
        cores: stage.cores,
    }
}

fn against_nginx(
    bench: &mut Bench<'_>,
    what: &str,
    least: f64,
    load_of: fn(Load<'_>) -> Load<'_>,
) -> Result<Vec<Figure>> {
    let options = bench.options;
    let stage = bench.stage()?;
    let load = load_of(load(options, stage, Kind::Http1));
    let ways = [
        Way { name: "doorward", server: &stage.doorward, load },
        Way { name: "nginx", server: &stage.nginx, load },
    ];
    Ok(vec![
        Race::run(options, &ways)?
            .speed(&format!("{what}, against nginx `proxy_pass` without a gate"), least),
    ])
}

pub(super) fn http1(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    against_nginx(bench, "gated request, HTTP/1.1", 1.0, |load| load)
}

pub(super) fn tls(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    against_nginx(bench, "the same over TLS", 1.2, |load| Load { kind: Kind::Tls, ..load })
}

pub(super) fn http2(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    against_nginx(bench, "the same over HTTP/2 and TLS", 1.3, |load| Load { kind: Kind::Http2, ..load })
}

pub(super) fn handshakes(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    against_nginx(bench, "TLS handshakes", 1.3, |load| Load { kind: Kind::Handshakes, ..load })
}

pub(super) fn large(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    against_nginx(bench, "answers of 1 MiB", 1.3, |load| Load { path: "/large", connections: 16, ..load })
}

/// What the decision adds to a request on our own server: the same with a session and without a gate.
pub(super) fn decision(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let options = bench.options;
    let stage = bench.stage()?;
    let race = |connections: u32| {
        let gated = Load { connections, ..load(options, stage, Kind::Http1) };
        // The same bytes, so that only the decision differs.
        let open = Load { host: OPEN, ..gated };
        let ways = [
            Way { name: "gated", server: &stage.doorward, load: gated },
            Way { name: "open", server: &stage.doorward, load: open },
        ];
        Race::run(options, &ways)
    };
    let busy = race(options.connections)?;
    let lost: Vec<f64> =
        busy.ratios(|drive| drive.per_second).iter().map(|ratio| (1.0 - ratio) * 100.0).collect();
    let throughput =
        Figure::of_rounds("throughput that the decision costs", Target::AtMost(3.0), " %", &lost);
    // One connection: with more, requests wait for each other, and the wait is what one would measure.
    let alone = race(1)?;
    let later: Vec<f64> = alone
        .rounds
        .iter()
        .filter_map(|[gated, open]| Some((gated.half?.as_secs_f64() - open.half?.as_secs_f64()) * 1e6))
        .collect();
    let half = Figure::of_rounds("what the decision adds to p50", Target::AtMost(5.0), " µs", &later);
    Ok(vec![throughput.with_details(busy.details()), half.with_details(alone.details())])
}

//! `cargo xtask bench gate`: the figures that the product promises, each measured and set beside its target. The
//! server that is measured has a core of its own; the load and the upstream share another. Servers that are compared
//! take turns on the same core.

mod cores;
mod doorward;
mod figure;
mod footprint;
mod forward_auth;
mod http;
mod load;
mod memory;
mod nginx;
pub(crate) mod options;
mod races;
mod report;
mod running;
mod scale;
mod session;
mod stage;
mod streams;
mod tls;

use std::net::TcpListener;

use anyhow::{Context as _, Result};

use self::{figure::Figure, options::Options, stage::Stage};
use crate::{
    command::{cargo, clear_logs, run_logged},
    place,
    setup::debian,
};

/// What one row of the table measures, and how.
struct Row {
    /// The word on the command line.
    name: &'static str,
    measure: fn(&mut Bench<'_>) -> Result<Vec<Figure>>,
}

/// All rows, in the order in which they run.
const ROWS: [Row; 15] = [
    Row { name: "http1", measure: races::http1 },
    Row { name: "tls", measure: races::tls },
    Row { name: "http2", measure: races::http2 },
    Row { name: "handshakes", measure: races::handshakes },
    Row { name: "large", measure: races::large },
    Row { name: "decision", measure: races::decision },
    Row { name: "auth-request", measure: forward_auth::auth_request },
    Row { name: "caddy", measure: forward_auth::caddy },
    Row { name: "bodies", measure: memory::bodies },
    Row { name: "websockets", measure: memory::websockets },
    Row { name: "events", measure: memory::events },
    Row { name: "services", measure: scale::services },
    Row { name: "sessions", measure: scale::sessions },
    Row { name: "footprint", measure: footprint::footprint },
    Row { name: "start", measure: footprint::start },
];

/// What the rows share.
struct Bench<'a> {
    options: &'a Options,
    /// Made by the first row that needs it.
    stage: Option<Stage>,
}

impl Bench<'_> {
    /// Our server and nginx in front of the same application.
    fn stage(&mut self) -> Result<&Stage> {
        if self.stage.is_none() {
            self.stage = Some(Stage::set(self.options)?);
        }
        self.stage.as_ref().context("it was just made")
    }
}

/// Measures the rows that `options` names, or all of them, and prints what came of it.
pub(crate) fn run(options: &Options) -> Result<()> {
    clear_logs()?;
    debian::for_bench("bench packages")?;
    if !options.built {
        build(options)?;
    }
    let mut bench = Bench { options, stage: None };
    let mut figures = Vec::new();
    for row in ROWS.iter().filter(|row| options.wants(row.name)) {
        options.say(&format!("\n{} …", row.name));
        let measured = (row.measure)(&mut bench).with_context(|| format!("the row `{}`", row.name))?;
        for figure in &measured {
            options.say(&figure.to_string());
        }
        figures.extend(measured.into_iter().map(|figure| (row.name, figure)));
    }
    if options.json {
        report::print_json(&figures);
    } else {
        report::print(&figures)?;
    }
    Ok(())
}

/// Names of all rows.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

fn build(options: &Options) -> Result<()> {
    let packages = ["-p", "doorward", "-p", "doorward-visitor", "-p", "doorward-store"];
    let products = ["--bin", "doorward", "--example", "session", "--example", "sessions"];
    let arguments: Vec<&str> =
        ["build", "--release", "--locked"].into_iter().chain(packages).chain(products).collect();
    options.say("Building …");
    run_logged("bench build", &mut cargo(&arguments)).map(drop)
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port can be had on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A directory for this run, emptied of what an earlier one left.
fn fresh_directory(name: &str) -> Result<std::path::PathBuf> {
    let directory = place::scratch("bench")?.join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory)
            .with_context(|| format!("{} can't be removed", directory.display()))?;
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    Ok(directory)
}

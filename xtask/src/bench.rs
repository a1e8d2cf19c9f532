//! `cargo xtask bench`: requests per second through the gate, with session, policy and identity headers, beside the
//! same requests through nginx `proxy_pass` without any of it. Both get the same core, one after the other.

mod cores;
mod doorward;
mod http;
mod nginx;
pub(crate) mod options;
mod report;
mod running;
mod session;
mod wrk;

use std::net::TcpListener;

use anyhow::{Context as _, Result, ensure};

use self::{cores::Cores, options::Options, report::Report, running::Running, wrk::Load};
use crate::{
    command::{cargo, clear_logs, run_logged},
    place,
    setup::debian,
};

/// Seconds that each server is driven before anything is counted.
const WARM_UP: u32 = 2;

/// Builds, starts everything, drives both servers in turn, and prints what came of it.
pub(crate) fn run(options: &Options) -> Result<()> {
    clear_logs()?;
    debian::for_bench("bench packages")?;
    let build = [
        "build",
        "--release",
        "--locked",
        "-p",
        "doorward",
        "-p",
        "doorward-visitor",
        "--bin",
        "doorward",
        "--example",
        "session",
    ];
    options.say("Building …");
    run_logged("bench build", &mut cargo(&build))?;
    let stage = Stage::set(options)?;
    let report = stage.measure(options)?;
    if options.json {
        report.print_json(options);
    } else {
        report.print(&stage.cores);
    }
    Ok(())
}

/// Everything that takes part.
struct Stage {
    cores: Cores,
    /// The cookie that makes a request a signed-in person's.
    cookie: String,
    doorward: Running,
    nginx: Running,
    _upstream: Running,
}

impl Stage {
    fn set(options: &Options) -> Result<Self> {
        let cores = Cores::of_this_process()?;
        options.say(&cores.to_string());
        let upstream = nginx::upstream(free_port()?, &cores)?;
        let nginx = nginx::proxy(free_port()?, upstream.port, &cores)?;
        let (doorward, setup_link) = doorward::start(free_port()?, upstream.port, &cores)?;
        let cookie = session::cookie(&setup_link, doorward.port)?;
        let stage = Self { cores, cookie, doorward, nginx, _upstream: upstream };
        stage.check()?;
        Ok(stage)
    }

    /// A benchmark of the wrong thing is worse than none: the gate is closed without the session, open with it, and
    /// the identity headers arrive; the other way serves the same body.
    fn check(&self) -> Result<()> {
        let anonymous = http::get(self.doorward.port, "/whoami", None)?;
        ensure!(anonymous.status == 401, "without a session the gate answered {}", anonymous.status);
        let signed_in = http::get(self.doorward.port, "/whoami", Some(&self.cookie))?;
        ensure!(signed_in.status == 200, "with a session the gate answered {}", signed_in.status);
        let wanted = format!("user={} groups=admins,users", session::USERNAME);
        ensure!(signed_in.body.trim() == wanted, "the upstream received: {}", signed_in.body.trim());
        let gated = http::get(self.doorward.port, "/", Some(&self.cookie))?;
        let bare = http::get(self.nginx.port, "/", Some(&self.cookie))?;
        ensure!(
            gated.status == 200 && bare.status == 200 && gated.body == bare.body,
            "the two ways answer differently"
        );
        Ok(())
    }

    fn measure(&self, options: &Options) -> Result<Report> {
        let load = Load { connections: options.connections, cookie: &self.cookie, cores: &self.cores };
        for server in [&self.doorward, &self.nginx] {
            load.drive(server, WARM_UP)?;
        }
        let mut report = Report::default();
        options.say("round    doorward       nginx   (requests/s)");
        for round in 1..=options.rounds {
            // Who goes first alternates, so that a machine that slows down favours nobody.
            let (doorward, nginx) = if round % 2 == 1 {
                let doorward = load.drive(&self.doorward, options.seconds)?;
                (doorward, load.drive(&self.nginx, options.seconds)?)
            } else {
                let nginx = load.drive(&self.nginx, options.seconds)?;
                (load.drive(&self.doorward, options.seconds)?, nginx)
            };
            options.say(&format!("{round:>5}  {:>10.0}  {:>10.0}", doorward.per_second, nginx.per_second));
            report.doorward.push(doorward);
            report.nginx.push(nginx);
        }
        Ok(report)
    }
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

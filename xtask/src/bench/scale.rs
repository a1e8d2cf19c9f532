//! What a request costs when there is much of something.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::{
    Bench,
    cores::Cores,
    doorward::Installation,
    figure::{Figure, Target},
    free_port, fresh_directory,
    load::{Kind, Load},
    nginx,
    options::Options,
    races::{Race, Way},
    running::Running,
    session,
};
use crate::{command::command, place};

/// Sessions of the server with many.
const MANY: u32 = 100_000;
/// Seconds for which each server is driven before, so that each session is used at least once.
const FIRST: u32 = 20;

/// Requests of one service, of a server with few and one with many.
pub(super) fn services(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let cores = Cores::of_this_process()?;
    let upstream = nginx::upstream(free_port()?, cores)?;
    let start = |name: &str, services: usize| -> Result<(Running, String)> {
        let ports = [free_port()?, free_port()?];
        let installation = Installation::make(name, ports, upstream.port, services - 2)?;
        let (running, link) = installation.start_new(|program| cores.server(program))?;
        let cookie = session::cookie(&link, running.port)?;
        Ok((running, cookie))
    };
    let (many, many_cookie) = start("many-services", 10_000)?;
    let (few, few_cookie) = start("few-services", 10)?;
    let load = load(bench.options, cores);
    let ways = [
        Way { name: "10,000 services", server: &many, load: Load { cookie: Some(&many_cookie), ..load } },
        Way { name: "10 services", server: &few, load: Load { cookie: Some(&few_cookie), ..load } },
    ];
    compare(bench.options, "a request with 10,000 services", &ways)
}

/// Requests that spread over all sessions, of a server with few and one with many.
pub(super) fn sessions(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let cores = Cores::of_this_process()?;
    let upstream = nginx::upstream(free_port()?, cores)?;
    let directory = fresh_directory("sessions")?;
    let start = |name: &str, count: u32| -> Result<(Running, std::path::PathBuf)> {
        let ports = [free_port()?, free_port()?];
        let installation = Installation::make(name, ports, upstream.port, 0)?;
        let (running, link) = installation.start_new(|program| cores.server(program))?;
        session::cookie(&link, running.port)?;
        drop(running);
        let cookies = make_sessions(&installation.database(), count)?;
        let script = directory.join(format!("{name}.lua"));
        write_script(&script, &cookies)?;
        Ok((installation.start(|program| cores.server(program))?, script))
    };
    let (many, many_script) = start("many-sessions", MANY)?;
    let (few, few_script) = start("few-sessions", 10)?;
    let load = load(bench.options, cores);
    let ways = [
        Way { name: "100,000 sessions", server: &many, load: Load { script: Some(&many_script), ..load } },
        Way { name: "10 sessions", server: &few, load: Load { script: Some(&few_script), ..load } },
    ];
    // Each session is looked up in the database once; that is a cost of its first request, not of the number.
    for way in &ways {
        let drive = Load { seconds: FIRST, ..way.load }.drive(way.server)?;
        let asked = drive.per_second * f64::from(FIRST);
        ensure!(
            asked >= f64::from(MANY),
            "only {asked} requests in {FIRST} s: some sessions were not used yet"
        );
    }
    compare(bench.options, "a request with 100,000 sessions in use", &ways)
}

fn load(options: &Options, cores: Cores) -> Load<'_> {
    Load {
        kind: Kind::Http1,
        connections: options.connections,
        seconds: options.seconds,
        host: session::HOST,
        path: "/",
        cookie: None,
        helper: None,
        script: None,
        cores,
    }
}

fn compare(options: &Options, what: &str, ways: &[Way<'_>; 2]) -> Result<Vec<Figure>> {
    let race = Race::run(options, ways)?;
    let ratios = race.ratios(|drive| drive.cost);
    let what = format!("processor time of {what}, against 10");
    Ok(vec![Figure::of_rounds(&what, Target::AtMost(1.1), "×", &ratios).with_details(race.details())])
}

/// Copies the one session of the database. Returns `name=value` of each.
fn make_sessions(database: &Path, count: u32) -> Result<String> {
    let program = place::target()?.join("release/examples/sessions");
    let output = command(&program, &[&database.display().to_string(), &count.to_string()]).output();
    let output = output.with_context(|| format!("{} did not start", program.display()))?;
    ensure!(output.status.success(), "no sessions: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context("cookies are text")
}

/// Each drive begins anywhere in the list: a short one would ask for the first ones only, time after time.
fn write_script(file: &Path, cookies: &str) -> Result<()> {
    let list = file.with_extension("txt");
    fs::write(&list, cookies).with_context(|| format!("{} can't be written", list.display()))?;
    let script = format!(
        "local cookies = {{}}
         for line in io.lines({:?}) do cookies[#cookies + 1] = line end
         math.randomseed(os.time())
         local next = math.random(#cookies)
         request = function()
             next = next % #cookies + 1
             wrk.headers['Cookie'] = cookies[next]
             return wrk.format()
         end\n",
        list.display().to_string()
    );
    fs::write(file, script).with_context(|| format!("{} can't be written", file.display()))
}

//! Proxies that ask our server about each request, beside our server as the proxy. Who asks and who is asked share the
//! core that our server has for itself as the proxy.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{
    Bench,
    cores::Cores,
    doorward::Installation,
    figure::Figure,
    free_port, fresh_directory, http,
    load::{Kind, Load},
    nginx,
    races::{Race, Way, load},
    running::Running,
    session,
    stage::Stage,
};
use crate::place;

pub(super) fn auth_request(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    let what = "gated request, against nginx `auth_request` that asks us";
    race(bench, what, 2.0, |upstream, doorward, cores| {
        nginx::auth_request(free_port()?, upstream, doorward, cores)
    })
}

pub(super) fn caddy(bench: &mut Bench<'_>) -> Result<Vec<Figure>> {
    race(bench, "gated request, against Caddy `forward_auth` that asks us", 5.0, start_caddy)
}

fn race(
    bench: &mut Bench<'_>,
    what: &str,
    least: f64,
    start: fn(u16, u16, Cores) -> Result<Running>,
) -> Result<Vec<Figure>> {
    let options = bench.options;
    let stage = bench.stage()?;
    let cores = stage.cores;
    let lines = "trusted_proxies = [\"127.0.0.1\"]\n";
    let ports = [free_port()?, free_port()?];
    let installation = Installation::with("asked", ports, stage.upstream.port, 0, lines)?;
    let (asked, link) = installation.start_new(|program| cores.server(program))?;
    let cookie = session::cookie(&link, asked.port)?;
    let proxy = start(stage.upstream.port, asked.port, cores)?;
    check(stage, &proxy, &cookie)?;
    let load = load(options, stage, Kind::Http1);
    let ways = [
        Way { name: "doorward", server: &stage.doorward, load },
        Way {
            name: "the other, with doorward beside it",
            server: &proxy,
            load: Load { cookie: Some(&cookie), helper: Some(&asked), ..load },
        },
    ];
    Ok(vec![Race::run(options, &ways)?.speed(what, least)])
}

/// It asks, it lets in, and it says who it is.
fn check(stage: &Stage, proxy: &Running, cookie: &str) -> Result<()> {
    let anonymous = http::get(proxy.port, session::HOST, "/whoami", None)?;
    ensure!(anonymous.status != 200, "without a session the proxy answered {}", anonymous.status);
    let signed_in = http::get(proxy.port, session::HOST, "/whoami", Some(cookie))?;
    let gated = http::get(stage.doorward.port, session::HOST, "/whoami", Some(&stage.cookie))?;
    ensure!(signed_in == gated, "behind the proxy the upstream received: {signed_in:?}");
    Ok(())
}

fn start_caddy(upstream: u16, doorward: u16, cores: Cores) -> Result<Running> {
    let port = free_port()?;
    let directory = fresh_directory("caddy")?;
    let file = directory.join("Caddyfile");
    let text = format!(
        "{{
            admin off
            auto_https off
            storage file_system {storage:?}
        }}
        http://{host}:{port} {{
            bind 127.0.0.1
            forward_auth 127.0.0.1:{doorward} {{
                uri /.doorward/auth/caddy
                copy_headers Remote-User Remote-Groups
            }}
            reverse_proxy 127.0.0.1:{upstream}
        }}\n",
        storage = directory.display().to_string(),
        host = session::HOST,
    );
    fs::write(&file, text).with_context(|| format!("{} can't be written", file.display()))?;
    let mut command = cores.server(&place::program("caddy").context("caddy is missing")?);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    let log = directory.join("output.log");
    let output = fs::File::create(&log).with_context(|| format!("{} can't be written", log.display()))?;
    command.env("HOME", &directory).stdout(output.try_clone()?).stderr(output);
    Running::start(&mut command, port).with_context(|| format!("see {}", log.display()))
}

//! The load: `wrk` for HTTP/1.1, `h2load` for what needs a server name or HTTP/2.

mod h2load;
mod wrk;

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{cores::Cores, http, running::Running};
use crate::place;

/// Which program asks, and over what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Clear text.
    Http1,
    /// HTTP/1.1 over TLS, connections kept.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/1.1 over TLS, a connection per request.
    Handshakes,
}

/// Who asks for what, and how hard.
#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) kind: Kind,
    pub(super) connections: u32,
    pub(super) seconds: u32,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) cookie: Option<&'a str>,
    /// A server that works for the one that is driven, on the same core.
    pub(super) helper: Option<&'a Running>,
    /// A Lua script for `wrk` that makes the requests.
    pub(super) script: Option<&'a std::path::Path>,
    pub(super) cores: Cores,
}

/// What one drive of one server showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Drive {
    /// Requests per second.
    pub(super) per_second: f64,
    /// Half of the requests took at most this; `h2load` does not say.
    pub(super) half: Option<Duration>,
    /// Microseconds of processor time per request.
    pub(super) cost: f64,
    /// Share of its core that the server used, 0 to 1.
    pub(super) busy: f64,
}

/// What the program printed.
#[derive(PartialEq, Debug)]
struct Printed {
    requests: u32,
    per_second: f64,
    half: Option<Duration>,
}

impl Load<'_> {
    /// Drives a server. All servers get the same bytes; only the port in them differs.
    pub(super) fn drive(&self, server: &Running) -> Result<Drive> {
        let name = match self.kind {
            Kind::Http1 | Kind::Handshakes => "wrk",
            Kind::Tls | Kind::Http2 => "h2load",
        };
        let mut command =
            self.cores.load(&place::program(name).with_context(|| format!("{name} is missing"))?);
        match name {
            "wrk" => self.wrk(&mut command, server),
            _ => self.h2load(&mut command, server),
        }
        let processor_time = || -> Result<Duration> {
            let helper = self.helper.map(Running::processor_time).transpose()?;
            Ok(server.processor_time()? + helper.unwrap_or_default())
        };
        let before = processor_time()?;
        let output = command.output().with_context(|| format!("{name} did not start"))?;
        let spent = processor_time()?.saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name} ended with {}: {errors}", output.status);
        let Printed { requests, per_second, half } = match name {
            "wrk" => wrk::parse(&text)?,
            _ => h2load::parse(&text)?,
        };
        let cost = spent.as_secs_f64() * 1e6 / f64::from(requests.max(1));
        let busy = spent.as_secs_f64() / f64::from(self.seconds);
        Ok(Drive { per_second, half, cost, busy })
    }

    fn wrk(&self, command: &mut Command, server: &Running) {
        let (scheme, port) = match self.kind {
            Kind::Handshakes => ("https", server.secure_port),
            _ => ("http", server.port),
        };
        command.arg("--threads=1").arg("--latency").arg(format!("--connections={}", self.connections));
        command.arg(format!("--duration={}s", self.seconds)).arg("--timeout=10s");
        command.arg("-H").arg(format!("Host: {}", http::authority(self.host, server.port)));
        if let Some(cookie) = self.cookie {
            command.arg("-H").arg(format!("Cookie: {cookie}"));
        }
        if self.kind == Kind::Handshakes {
            command.arg("-H").arg("Connection: close");
        }
        if let Some(script) = self.script {
            command.arg("-s").arg(script);
        }
        command.arg(format!("{scheme}://127.0.0.1:{port}{}", self.path));
    }

    fn h2load(&self, command: &mut Command, server: &Running) {
        command.arg("--threads=1").arg(format!("--clients={}", self.connections));
        command.arg(format!("--duration={}", self.seconds));
        command.arg(if self.kind == Kind::Http2 { "--max-concurrent-streams=10" } else { "--h1" });
        if let Some(cookie) = self.cookie {
            command.arg("-H").arg(format!("Cookie: {cookie}"));
        }
        command.arg(format!("--connect-to=127.0.0.1:{}", server.secure_port));
        command.arg(format!("https://{}{}", http::authority(self.host, server.secure_port), self.path));
    }
}

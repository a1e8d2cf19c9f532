//! nginx twice: as the upstream of both ways, and as the way without a gate.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{cores::Cores, fresh_directory, running::Running};
use crate::place;

/// A small page: what most requests of most applications are.
const BODY: usize = 1024;

/// The application behind both ways. `/whoami` says which identity headers arrived.
pub(super) fn upstream(port: u16, cores: &Cores) -> Result<Running> {
    let body = "x".repeat(BODY);
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} backlog=1024;
            location = /whoami {{ return 200 \"user=$http_remote_user groups=$http_remote_groups\\n\"; }}
            location / {{ return 200 \"{body}\"; }}
        }}"
    );
    start("upstream", port, &server, |program| cores.load(&program))
}

/// The way without a gate: one worker and kept connections on both sides.
pub(super) fn proxy(port: u16, upstream: u16, cores: &Cores) -> Result<Running> {
    let server = format!(
        "upstream application {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
        server {{
            listen 127.0.0.1:{port} backlog=1024;
            location / {{
                proxy_pass http://application;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_set_header Host $http_host;
            }}
        }}"
    );
    start("proxy", port, &server, |program| cores.server(&program))
}

fn start(
    name: &str,
    port: u16,
    server: &str,
    place_on_core: impl Fn(PathBuf) -> std::process::Command,
) -> Result<Running> {
    let directory = fresh_directory(name)?;
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(server))
        .with_context(|| format!("{} can't be written", file.display()))?;
    let mut command = place_on_core(place::program("nginx").context("nginx is missing")?);
    command.arg("-p").arg(&directory).arg("-e").arg("error.log").arg("-c").arg(&file);
    Running::start(&mut command, port)
        .with_context(|| format!("see {}", directory.join("error.log").display()))
}

fn configuration(server: &str) -> String {
    format!(
        "daemon off;
        worker_processes 1;
        pid nginx.pid;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            default_type text/plain;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            tcp_nodelay on;
            keepalive_timeout 300s;
            keepalive_requests 1000000000;
            {server}
        }}\n"
    )
}

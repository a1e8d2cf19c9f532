//! nginx twice: as the upstream of all ways, and as the way without a gate.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{cores::Cores, fresh_directory, running::Running, session, tls::Certificate};
use crate::place;

/// A small page: what most requests of most applications are.
const SMALL: usize = 1024;
/// A large answer.
pub(super) const LARGE: usize = 1024 * 1024;

/// The application behind all ways. `/whoami` says which identity headers arrived.
pub(super) fn upstream(port: u16, cores: Cores) -> Result<Running> {
    let directory = fresh_directory("upstream")?;
    let file = directory.join("large");
    fs::write(&file, "x".repeat(LARGE)).with_context(|| format!("{} can't be written", file.display()))?;
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} backlog=4096;
            sendfile on;
            location = /whoami {{ return 200 \"user=$http_remote_user groups=$http_remote_groups\\n\"; }}
            location = /large {{ root {root:?}; }}
            location / {{ return 200 \"{body}\"; }}
        }}",
        root = directory.display().to_string(),
        body = "x".repeat(SMALL),
    );
    start(&directory, port, &server, |program| cores.load(&program))
}

/// The way without a gate: one worker, kept connections on both sides, and what nginx's own documents advise for TLS.
pub(super) fn proxy(
    ports: [u16; 2],
    upstream: u16,
    certificate: &Certificate,
    cores: Cores,
) -> Result<Running> {
    let [port, secure_port] = ports;
    let server = format!(
        "upstream application {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
        server {{
            listen 127.0.0.1:{port} backlog=4096;
            listen 127.0.0.1:{secure_port} ssl http2 backlog=4096;
            ssl_certificate {chain:?};
            ssl_certificate_key {key:?};
            ssl_protocols TLSv1.2 TLSv1.3;
            ssl_session_cache shared:tls:10m;
            location / {{
                proxy_pass http://application;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_set_header Host $http_host;
            }}
        }}",
        chain = certificate.chain.display().to_string(),
        key = certificate.key.display().to_string(),
    );
    let running = start(&fresh_directory("proxy")?, port, &server, |program| cores.server(&program))?;
    Ok(running.with_secure_port(secure_port))
}

/// nginx that asks `doorward` about each request and forwards by itself.
pub(super) fn auth_request(port: u16, upstream: u16, doorward: u16, cores: Cores) -> Result<Running> {
    let kept = "keepalive 128; keepalive_requests 1000000000;";
    let server = format!(
        "upstream application {{ server 127.0.0.1:{upstream}; {kept} }}
        upstream doorward {{ server 127.0.0.1:{doorward}; {kept} }}
        server {{
            listen 127.0.0.1:{port} backlog=4096;
            proxy_http_version 1.1;
            location / {{
                auth_request /auth;
                auth_request_set $user $upstream_http_remote_user;
                auth_request_set $groups $upstream_http_remote_groups;
                proxy_pass http://application;
                proxy_set_header Connection \"\";
                proxy_set_header Host $http_host;
                proxy_set_header Cookie \"\";
                proxy_set_header Remote-User $user;
                proxy_set_header Remote-Groups $groups;
            }}
            location = /auth {{
                internal;
                proxy_pass http://doorward/.doorward/auth/nginx;
                proxy_pass_request_body off;
                proxy_set_header Content-Length \"\";
                proxy_set_header Connection \"\";
                proxy_set_header X-Original-URL http://{host}:{doorward}$request_uri;
                proxy_set_header X-Original-Method $request_method;
                proxy_set_header X-Forwarded-For $remote_addr;
            }}
        }}",
        host = session::HOST,
    );
    start(&fresh_directory("auth-request")?, port, &server, |program| cores.server(&program))
}

fn start(
    directory: &std::path::Path,
    port: u16,
    server: &str,
    place_on_core: impl Fn(PathBuf) -> Command,
) -> Result<Running> {
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(server))
        .with_context(|| format!("{} can't be written", file.display()))?;
    let mut command = place_on_core(place::program("nginx").context("nginx is missing")?);
    command.arg("-p").arg(directory).arg("-e").arg("error.log").arg("-c").arg(&file);
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

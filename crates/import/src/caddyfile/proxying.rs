//! What answers: applications, files, other origins.

use doorward_core::service::is_taken_header;

use super::{parse::Directive, security::told};
use crate::toml::{string, table};

/// What a directive answers with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Proxy(Proxy),
    Files(Option<String>),
    Redirect {
        to: String,
        permanent: bool,
    },
    /// A refusal, or an answer that is not the application's.
    Refuse,
    /// The sign-in portal.
    Portal,
}

/// How an application is reached.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Proxy {
    pub(super) upstreams: Vec<String>,
    pub(super) unchecked: bool,
    pub(super) upstream_host: bool,
    pub(super) lines: Vec<String>,
    /// Headers that tell who somebody is.
    pub(super) identity: Vec<(String, String)>,
    pub(super) edits: Edits,
}

/// Headers that are changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Edits {
    pub(super) request: Changes,
    pub(super) response: Changes,
}

/// Names that get values, and names that go.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Changes {
    pub(super) set: Vec<(String, String)>,
    pub(super) remove: Vec<String>,
}

/// What is said about a part that was not translated.
pub(super) struct Remark {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) closes: bool,
}

/// Options that change how an application is asked, and not who may ask.
const LEFT_OUT: [&str; 30] = [
    "buffer_requests",
    "buffer_responses",
    "dial_fallback_delay",
    "dial_timeout",
    "except",
    "fail_duration",
    "flush_interval",
    "health_body",
    "health_fails",
    "health_headers",
    "health_passes",
    "health_port",
    "health_request_body",
    "health_status",
    "health_timeout",
    "lb_retries",
    "lb_retry_match",
    "lb_try_duration",
    "lb_try_interval",
    "max_fails",
    "request_buffers",
    "response_buffers",
    "stream_close_delay",
    "stream_timeout",
    "trusted_proxies",
    "unhealthy_latency",
    "unhealthy_request_count",
    "unhealthy_status",
    "verbose_logs",
    "compression",
];
/// Headers that the door sets on every request.
const SET_BY_THE_DOOR: [&str; 6] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "x-request-id",
];

/// Reads `reverse_proxy`, its arguments after the matcher.
pub(super) fn reverse_proxy(
    directive: &Directive,
    arguments: &[String],
    remarks: &mut Vec<Remark>,
) -> Content {
    let mut proxy = Proxy { upstreams: arguments.to_vec(), ..Proxy::default() };
    let mut tls = false;
    for line in &directive.block {
        let known = match line.name.as_str() {
            "to" => {
                proxy.upstreams.extend(line.arguments.iter().cloned());
                true
            }
            "transport" => transport(line, &mut proxy, &mut tls, remarks),
            "header_up" => header_up(line, &mut proxy),
            "header_down" => header(&line.arguments, &mut proxy.edits.response),
            "lb_policy" | "health_uri" => balance(line, &mut proxy),
            name if LEFT_OUT.contains(&name) || name == "health_interval" => false,
            _ => {
                let text = format!("`{}` in reverse_proxy can decide who is answered what", line.words());
                remarks.push(Remark { line: line.line, text, closes: true });
                continue;
            }
        };
        if !known {
            let text = format!("`{}` in reverse_proxy was left out", line.words());
            remarks.push(Remark { line: line.line, text, closes: false });
        }
    }
    let targets: Option<Vec<String>> = proxy.upstreams.iter().map(|text| target(text, tls)).collect();
    match targets {
        Some(targets) if !targets.is_empty() => proxy.upstreams = targets,
        _ => {
            let text = format!("`{}`: where requests go was not understood", directive.words());
            remarks.push(Remark { line: directive.line, text, closes: true });
            proxy.upstreams.clear();
        }
    }
    if proxy.upstreams.len() < 2 {
        proxy.lines.retain(|line| !line.starts_with("balance"));
    }
    proxy.unchecked &= proxy.upstreams.iter().any(|upstream| upstream.starts_with("https://"));
    Content::Proxy(proxy)
}

fn balance(line: &Directive, proxy: &mut Proxy) -> bool {
    match (line.name.as_str(), line.argument(0)) {
        ("lb_policy", "round_robin") => proxy.lines.push("balance = \"round-robin\"".to_owned()),
        ("lb_policy", "least_conn" | "random") => {}
        ("health_uri", path) if is_plain_path(path) => proxy.lines.push(format!("health = {}", string(path))),
        _ => return false,
    }
    true
}

fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte))
        && !path.contains("//")
        && !path.contains("/.")
}

fn transport(line: &Directive, proxy: &mut Proxy, tls: &mut bool, remarks: &mut Vec<Remark>) -> bool {
    if line.argument(0) != "http" {
        return false;
    }
    for option in &line.block {
        match option.name.as_str() {
            "tls" => *tls = true,
            "tls_insecure_skip_verify" => {
                *tls = true;
                proxy.unchecked = true;
            }
            "tls_server_name" if super::is_host(option.argument(0)) => {
                *tls = true;
                proxy.lines.push(format!("upstream_server_name = {}", string(option.argument(0))));
            }
            "tls_trusted_ca_certs" => {
                *tls = true;
                proxy.lines.push(format!("upstream_ca_file = {}", string(option.argument(0))));
            }
            "tls_trust_pool" if option.argument(0) == "file" && option.arguments.len() == 2 => {
                *tls = true;
                proxy.lines.push(format!("upstream_ca_file = {}", string(option.argument(1))));
            }
            _ => {
                let text = format!("`{}` of the transport was left out", option.words());
                remarks.push(Remark { line: option.line, text, closes: false });
            }
        }
    }
    true
}

/// An upstream as it is written here.
fn target(text: &str, tls: bool) -> Option<String> {
    if let Some(path) = text.strip_prefix("unix/") {
        let fit = path.starts_with('/') && !path.contains(['{', '|']);
        return fit.then(|| format!("unix:{path}"));
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https" | "h2c"), rest)) => (scheme, rest),
        Some(_) => return None,
        None => ("http", text),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?))
        }
        _ => (rest, None),
    };
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fit = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => super::is_host(host) || host.parse::<std::net::Ipv4Addr>().is_ok(),
    };
    // Port 443 is asked by TLS, as it is there.
    let scheme = if tls || (scheme == "http" && port == Some(443)) { "https" } else { scheme };
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    fit.then(|| format!("{scheme}://{host}{port}"))
}

fn header_up(line: &Directive, proxy: &mut Proxy) -> bool {
    let name = line.argument(0).trim_start_matches(['+', '-', '?', '>']);
    let value = line.argument(1);
    let lower = name.to_ascii_lowercase();
    if lower == "host" {
        proxy.upstream_host |=
            value == "{upstream_hostport}" || value == "{http.reverse_proxy.upstream.hostport}";
        return proxy.upstream_host
            || matches!(value, "{host}" | "{http.request.host}" | "{http.request.hostport}");
    }
    if SET_BY_THE_DOOR.contains(&lower.as_str()) {
        return true;
    }
    let placeholder = value.strip_prefix("{http.auth.user.").and_then(|value| value.strip_suffix('}'));
    if let (Some(claim), 2, true) =
        (placeholder.and_then(told), line.arguments.len(), is_identity_header(name))
    {
        proxy.identity.push((name.to_owned(), claim.to_owned()));
        return true;
    }
    header(&line.arguments, &mut proxy.edits.request)
}

/// Whether a header of this name may tell who somebody is.
pub(super) fn is_identity_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !lower.is_empty()
        && lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !is_taken_header(&lower)
        && !lower.starts_with("x-forwarded")
}

/// Beginnings of names that say who somebody is or where a request comes from, and names that no file may set.
const NEVER: [&str; 28] = [
    "remote-",
    "x-forwarded",
    "x-original-",
    "x-token-",
    "x-webauth-",
    "x-auth-request-",
    "x-remote-",
    "x-doorward-",
    "x-authenticated-",
    "forwarded",
    "x-real-ip",
    "authorization",
    "cookie",
    "set-cookie",
    "host",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-request-id",
    "true-client-ip",
    "cf-connecting-ip",
];

/// Reads `Name value` or `-Name`; false when it can't be said here.
pub(super) fn header(arguments: &[String], changes: &mut Changes) -> bool {
    let (first, value) = match arguments {
        [first] => (first, None),
        [first, value] => (first, Some(value)),
        _ => return false,
    };
    let name = first.strip_prefix('-').unwrap_or(first);
    let lower = name.to_ascii_lowercase();
    let fit = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !NEVER.iter().any(|never| lower.starts_with(never) && (never.len() > 3 || lower == *never))
        && !lower.contains("client-ip")
        && !lower.contains("method-override")
        && !["x-http-method", "x-rewrite-url", "http2-settings"].contains(&lower.as_str());
    let known = |set: &[(String, String)]| set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    match (fit, first.starts_with('-'), value) {
        (true, true, None) => changes.remove.push(name.to_owned()),
        (true, false, Some(value))
            if !value.is_empty()
                && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
                && !value.contains('{')
                && !known(&changes.set) =>
        {
            changes.set.push((name.to_owned(), value.clone()));
        }
        _ => return false,
    }
    true
}

/// Reads `header` or `request_header`, its arguments after the matcher.
pub(super) fn headers(directive: &Directive, arguments: &[String], changes: &mut Changes) -> Vec<Remark> {
    let one = [Directive {
        name: arguments.first().cloned().unwrap_or_default(),
        arguments: arguments.get(1..).unwrap_or_default().to_vec(),
        block: Vec::new(),
        line: directive.line,
    }];
    let lines = if directive.block.is_empty() { &one[..] } else { &directive.block };
    let mut remarks = Vec::new();
    for line in lines.iter().filter(|line| line.name != "defer") {
        let words: Vec<String> = std::iter::once(&line.name).chain(&line.arguments).cloned().collect();
        if !header(&words, changes) {
            let text = format!("the header `{}` was not changed", line.words());
            remarks.push(Remark { line: line.line, text, closes: false });
        }
    }
    remarks
}

impl Changes {
    /// The line of a service's table, if there is anything to write.
    pub(super) fn line(&self, key: &str) -> Option<String> {
        let set = (!self.set.is_empty()).then(|| format!("set = {}", table(&self.set)));
        let remove =
            (!self.remove.is_empty()).then(|| format!("remove = {}", crate::toml::strings(&self.remove)));
        let parts: Vec<String> = set.into_iter().chain(remove).collect();
        (!parts.is_empty()).then(|| format!("{key} = {{ {} }}", parts.join(", ")))
    }

    /// Takes what another one changes too.
    pub(super) fn also(&mut self, other: &Self) {
        for (name, value) in &other.set {
            if !self.set.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                self.set.push((name.clone(), value.clone()));
            }
        }
        self.remove.extend(other.remove.iter().cloned());
    }
}

/// Reads `redir`, its arguments after the matcher. Anything but another origin with the same path is a refusal.
pub(super) fn redirect(arguments: &[String]) -> Content {
    let permanent = matches!(arguments.get(1).map(String::as_str), Some("permanent" | "301" | "308"));
    let to = arguments
        .first()
        .and_then(|to| to.strip_suffix("{uri}").or_else(|| to.strip_suffix("{http.request.uri}")));
    match to {
        Some(to) if doorward_core::http::origin::Origin::parse(to).is_ok() => {
            Content::Redirect { to: to.to_owned(), permanent }
        }
        _ => Content::Refuse,
    }
}

//! The small web application behind the demo's services: it shows the request that it received.

use std::{convert::Infallible, fmt::Write as _, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Largest request body that is shown.
const BODY_LIMIT: usize = 1024 * 1024;

/// Answers every connection of `listener` until the runtime ends.
pub async fn run(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        tokio::spawn(async move {
            let service = service_fn(answer);
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A peer that goes away in the middle is its own affair.
            let _ = connection.await;
        });
    }
}

/// Starts it on a free loopback port.
pub async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(run(listener));
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map(http_body_util::Collected::to_bytes);
    let Ok(body) = body else {
        return Ok(reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large to show\n".to_owned()));
    };
    let health = head.uri.path() == "/api/health";
    let page =
        head.headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    Ok(match (health, page) {
        (true, _) => reply(StatusCode::OK, "application/json", "{\"status\":\"ok\"}\n".to_owned()),
        (false, true) => reply(StatusCode::OK, "text/html; charset=utf-8", as_page(&head, &body)),
        (false, false) => reply(StatusCode::OK, "application/json", as_json(&head, &body)),
    })
}

fn reply(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Header lines in the order of their names, then of arrival.
fn lines(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    lines
}

fn as_json(head: &http::request::Parts, body: &Bytes) -> String {
    let mut headers = serde_json::Map::new();
    for (name, value) in lines(&head.headers) {
        let values = headers.entry(name).or_insert_with(|| serde_json::Value::Array(Vec::new()));
        if let Some(values) = values.as_array_mut() {
            values.push(value.into());
        }
    }
    let shown = serde_json::json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
    });
    format!("{shown:#}\n")
}

fn as_page(head: &http::request::Parts, body: &Bytes) -> String {
    let host =
        head.headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let host = escape(&host.unwrap_or_default());
    let mut rows = String::new();
    for (name, value) in lines(&head.headers) {
        let class = if name.starts_with("remote-") { " class=\"identity\"" } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}><th scope=\"row\">{}</th><td>{}</td></tr>",
            escape(&name),
            escape(&value)
        );
    }
    let request_line = escape(&format!("{} {}", head.method, head.uri));
    let body = if body.is_empty() {
        String::new()
    } else {
        format!("<h2>Body</h2><pre>{}</pre>", escape(&String::from_utf8_lossy(body)))
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{host}</title><style>{STYLE}</style></head><body><main>\n\
         <h1>{host}</h1>\n<p>This is a small application behind the door. It received <code>{request_line}</code> with these headers. \
         Those in colour say who you are: only the door can set them.</p>\n\
         <table><tbody>\n{rows}</tbody></table>\n{body}\n\
         <p><a href=\"/.doorward/sign-out\">Sign out of everything</a></p>\n</main></body></html>\n"
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color-scheme:light dark}main{max-width:46rem;margin:0 auto;padding:1.5rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;overflow-wrap:anywhere;vertical-align:top}\
th{font-weight:500;white-space:nowrap}.identity th,.identity td{background:#2a7d4f22;font-weight:600}code,td,pre{font-family:ui-monospace,monospace}";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

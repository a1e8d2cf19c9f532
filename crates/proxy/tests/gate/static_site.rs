//! Sites of files.

use std::{fs, path::Path};

use doorward_core::{
    policy::{Paths, Posture},
    service::{Backend, StaticSite, Upstream, UpstreamScheme, static_site::CacheRule},
};
use doorward_testkit::Scratch;

use crate::{
    harness::{ADA, Gate, Setup, guard, service},
    upstream::Echo,
};

struct Site {
    scratch: Scratch,
    gate: Gate,
    echo: Echo,
}

/// `www.test` for everybody, `notes.test` for users.
async fn site() -> Site {
    let scratch = Scratch::new("site").unwrap();
    let folder = scratch.path().join("site");
    for (name, text) in [
        ("index.html", "<p>home"),
        ("a b.txt", "spaces"),
        ("assets/app.js", "0123456789"),
        ("docs/index.html", "<p>docs"),
        (".env", "secret"),
        ("docs/.git/config", "secret"),
        (".well-known/security.txt", "Contact: x"),
    ] {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::write(scratch.path().join("outside.txt"), "secret").unwrap();
    let link = |from: &str, to: &Path| std::os::unix::fs::symlink(to, folder.join(from)).unwrap();
    link("inside.txt", Path::new("assets/app.js"));
    link("out.txt", Path::new("../outside.txt"));
    link("absolute.txt", &scratch.path().join("outside.txt"));
    link("folder", scratch.path());
    let echo = Echo::start().await;
    let mut files = StaticSite::new(&folder);
    files.fallback = Some("index.html".into());
    let paths = Paths::Some { prefixes: vec!["/assets".to_owned()], regexes: Vec::new() };
    files.cache.push(CacheRule { paths, max_age: 60, immutable: true });
    files
        .api
        .push(("/api".to_owned(), Upstream::new(UpstreamScheme::Http, "127.0.0.1", echo.address.port())));
    let services = ["www", "notes"].map(|name| {
        let mut service = service(name, echo.address);
        service.backend = Backend::Static(Box::new(files.clone()));
        if name == "www" {
            service.guard = guard(Posture::Public);
        }
        service
    });
    Site { scratch, gate: Gate::with(Setup::default(), services.into()), echo }
}

#[tokio::test]
async fn files_are_served_with_their_type_and_version() {
    let site = site().await;
    let mut wire = site.gate.connect().await;
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<p>home"),
        ("/a%20b.txt", "text/plain; charset=utf-8", "spaces"),
        ("/assets/app.js?v=1", "text/javascript; charset=utf-8", "0123456789"),
        ("/docs/", "text/html; charset=utf-8", "<p>docs"),
        ("/inside.txt", "text/plain; charset=utf-8", "0123456789"),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", "Contact: x"),
    ] {
        let answer = wire.get("www.test", path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
        assert_eq!(answer.head.one("content-type"), Some(kind), "{path}");
        assert_eq!(answer.head.one("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(answer.head.one("x-content-type-options"), Some("nosniff"));
    }
    let answer = wire.get("www.test", "/docs?x=y", "").await;
    assert_eq!((answer.status, answer.head.one("location")), (308, Some("/docs/?x=y")));
    wire.send("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.head.one("allow")), (405, Some("GET, HEAD")));
    assert_eq!(site.echo.requests(), 0);
}

/// P-3, P-9: nothing outside of the directory, and nothing hidden, in any spelling and by any link.
#[tokio::test]
async fn p_3_p_9_nothing_outside_of_the_directory_is_served() {
    let site = site().await;
    for path in [
        "/.env",
        "/docs/.git/config",
        "/%2eenv",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/docs/../../outside.txt",
        "/out.txt",
        "/absolute.txt",
        "/folder/outside.txt",
        "/folder/site/index.html",
        "//outside.txt",
        "/a\\..\\outside.txt",
        "/assets/app.js%00.txt",
    ] {
        let answer = site.gate.connect().await.get("www.test", path, "").await;
        assert!(matches!(answer.status, 400 | 404), "{path} {}", answer.status);
        assert!(!answer.body.contains("secret"), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_the_applications_own() {
    let site = site().await;
    let mut wire = site.gate.connect().await;
    for (path, lines, status) in [
        ("/people/7", "", 200),
        ("/people/john.doe", "Accept: text/html\r\n", 200),
        ("/assets/old.js", "", 404),
        ("/assets/old.js", "Accept: */*\r\n", 404),
    ] {
        let answer = wire.get("www.test", path, lines).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.body == "<p>home", status == 200, "{path}");
    }
    let seen = wire.get("www.test", "/api/x?y", "").await.echoed();
    assert_eq!(seen.first, "GET /api/x?y HTTP/1.1");
    assert_eq!(wire.get("www.test", "/apix", "").await.body, "<p>home");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let site = site().await;
    let mut wire = site.gate.connect().await;
    let first = wire.get("www.test", "/assets/app.js", "").await;
    let (tag, time) = (first.head.one("etag").unwrap(), first.head.one("last-modified").unwrap());
    for (line, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: W/{tag}, \"x\""), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        (format!("If-Modified-Since: {time}"), 304),
        ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT".to_owned(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {time}"), 200),
        ("If-Modified-Since: yesterday".to_owned(), 200),
    ] {
        let answer = wire.get("www.test", "/assets/app.js", &format!("{line}\r\n")).await;
        assert_eq!((answer.status, answer.head.one("etag")), (status, Some(tag)), "{line}");
    }
    fs::write(site.scratch.path().join("site/assets/app.js"), "changed").unwrap();
    let answer = wire.get("www.test", "/assets/app.js", &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "changed"));
}

#[tokio::test]
async fn parts_of_files_are_served() {
    let site = site().await;
    let mut wire = site.gate.connect().await;
    let tag = wire.get("www.test", "/assets/app.js", "").await.head.one("etag").unwrap().to_owned();
    for (lines, status, range, body) in [
        ("Range: bytes=2-4".to_owned(), 206, Some("bytes 2-4/10"), "234"),
        ("Range: bytes=-2".to_owned(), 206, Some("bytes 8-9/10"), "89"),
        ("Range: bytes=10-".to_owned(), 416, Some("bytes */10"), ""),
        ("Range: bytes=0-0,2-2".to_owned(), 200, None, "0123456789"),
        (format!("Range: bytes=2-4\r\nIf-Range: {tag}"), 206, Some("bytes 2-4/10"), "234"),
        ("Range: bytes=2-4\r\nIf-Range: \"x\"".to_owned(), 200, None, "0123456789"),
    ] {
        let answer = wire.get("www.test", "/assets/app.js", &format!("{lines}\r\n")).await;
        assert_eq!((answer.status, answer.head.one("content-range")), (status, range), "{lines}");
        assert_eq!(answer.body, body, "{lines}");
    }
    wire.send("HEAD /assets/app.js HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!(head.one("content-length"), Some("10"));
    assert_eq!(wire.get("www.test", "/", "").await.body, "<p>home", "no body came before");
}

#[tokio::test]
async fn files_are_gated_and_kept_by_one_browser() {
    let site = site().await;
    let mut wire = site.gate.connect().await;
    assert_eq!(wire.get("notes.test", "/", "").await.status, 401);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for (host, lines, path, expected) in [
        ("notes.test", session.as_str(), "/", "private, no-cache"),
        ("notes.test", session.as_str(), "/assets/app.js", "private, max-age=60, immutable"),
        ("www.test", "", "/assets/app.js", "public, max-age=60, immutable"),
    ] {
        let answer = wire.get(host, path, lines).await;
        assert_eq!((answer.status, answer.head.one("cache-control")), (200, Some(expected)));
    }
}

#[tokio::test]
async fn e_11_a_large_file_is_whole_and_ends_with_its_session() {
    let site = site().await;
    let body = "0123456789abcdef".repeat(4 << 20);
    fs::write(site.scratch.path().join("site/large.bin"), &body).unwrap();
    let mut wire = site.gate.connect().await;
    assert!(wire.get("www.test", "/large.bin", "").await.body == body);
    wire.send(format!(
        "GET /large.bin HTTP/1.1\r\nHost: notes.test\r\nCookie: __Host-doorward={ADA}\r\n\r\n"
    ))
    .await;
    wire.head().await;
    site.gate.sessions.end(ADA, "notes.test");
    assert!(wire.rest().await.len() < body.len(), "cut");
}

/// What stands beside a file compressed is sent to whoever takes it, unless it is older.
#[tokio::test]
async fn files_may_be_compressed_already() {
    let scratch = Scratch::new("precompressed").unwrap();
    let write = |name: &str, text: &str| fs::write(scratch.path().join(name), text).unwrap();
    for (name, text) in [
        ("old.js.br", "outdated"),
        ("app.js", "plain"),
        ("app.js.br", "brotli"),
        ("app.js.gz", "gzipped"),
        ("index.html", "home"),
        ("index.html.zst", "zstandard"),
        ("alone.js.gz", "alone"),
    ] {
        write(name, text);
    }
    std::os::unix::fs::symlink("/etc/passwd", scratch.path().join("index.html.br")).unwrap();
    let before = fs::metadata(scratch.path().join("old.js.br")).unwrap().modified().unwrap();
    let file = fs::File::create(scratch.path().join("old.js")).unwrap();
    std::io::Write::write_all(&mut &file, b"newer").unwrap();
    file.set_modified(before + std::time::Duration::from_secs(1)).unwrap();
    let mut files = StaticSite::new(scratch.path());
    files.fallback = Some("index.html".into());
    files.precompressed = true;
    let mut www = service("www", ([127, 0, 0, 1], 9).into());
    www.guard = guard(Posture::Public);
    www.backend = Backend::Static(Box::new(files));
    let gate = Gate::with(Setup::default(), vec![www]);
    let mut wire = gate.connect().await;
    for (path, accept, coding, body, kind) in [
        ("/app.js", "gzip, br", Some("br"), "brotli", "text/javascript; charset=utf-8"),
        ("/app.js", "gzip, br;q=0.5", Some("gzip"), "gzipped", "text/javascript; charset=utf-8"),
        ("/app.js", "zstd", None, "plain", "text/javascript; charset=utf-8"),
        ("/app.js", "identity", None, "plain", "text/javascript; charset=utf-8"),
        ("/app.js.br", "br", None, "brotli", "application/octet-stream"),
        ("/old.js", "br", None, "newer", "text/javascript; charset=utf-8"),
        ("/", "br, zstd", Some("zstd"), "zstandard", "text/html; charset=utf-8"),
        ("/people/7", "zstd", Some("zstd"), "zstandard", "text/html; charset=utf-8"),
    ] {
        let answer = wire.get("www.test", path, &format!("Accept-Encoding: {accept}\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path} {accept}");
        assert_eq!(answer.head.one("content-encoding"), coding, "{path} {accept}");
        assert_eq!(answer.head.one("content-type"), Some(kind), "{path} {accept}");
        assert_eq!(answer.head.one("vary"), Some("Accept-Encoding"), "{path} {accept}");
    }
    assert_eq!(wire.get("www.test", "/alone.js", "Accept-Encoding: gzip\r\n").await.status, 404);
    // Each has its own tag, and parts are of what is sent.
    let tag = |answer: &crate::wire::Answer| answer.head.one("etag").unwrap().to_owned();
    let coded = tag(&wire.get("www.test", "/app.js", "Accept-Encoding: br\r\n").await);
    let plain = tag(&wire.get("www.test", "/app.js", "").await);
    assert_ne!(coded, plain);
    for (tag, accept, status) in [(&coded, "br", 304), (&plain, "br", 200), (&plain, "", 304)] {
        let lines = format!("Accept-Encoding: {accept}\r\nIf-None-Match: {tag}\r\n");
        let answer = wire.get("www.test", "/app.js", &lines).await;
        assert_eq!((answer.status, answer.head.one("vary")), (status, Some("Accept-Encoding")), "{lines}");
    }
    let lines = format!("Accept-Encoding: br\r\nRange: bytes=1-3\r\nIf-Range: {coded}\r\n");
    let answer = wire.get("www.test", "/app.js", &lines).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "rot"));
    let lines = format!("Range: bytes=1-3\r\nIf-Range: {coded}\r\n");
    assert_eq!(wire.get("www.test", "/app.js", &lines).await.body, "plain");
}

//! What is changed on the way, limits, and sites of files.

use doorward_core::service::{Backend, Relay};

use super::{checked, found, help};

const SERVICE: &str = "[services.app]\nposture = \"public\"\n";

fn relay(lines: &str) -> Relay {
    let text = format!("{SERVICE}upstream = \"http://127.0.0.1:1\"\n{lines}");
    checked(&text).config.services[0].relay.clone()
}

fn codes(lines: &str) -> Vec<String> {
    found(&format!("{SERVICE}upstream = \"http://127.0.0.1:1\"\n{lines}\n"))
}

/// Without subdomains, so that an apex domain promises nothing for what is below it.
#[test]
fn r_83_hsts_is_on_and_does_not_include_subdomains() {
    let hsts = |lines: &str| {
        let set = relay(lines).response.set;
        let mut found = set.iter().filter(|(name, _)| name == "strict-transport-security");
        let value = found.next().map(|(_, value)| value.to_str().unwrap().to_owned());
        assert!(found.next().is_none());
        value
    };
    assert_eq!(hsts("").as_deref(), Some("max-age=31536000"));
    assert_eq!(hsts("hsts = false"), None);
    let own = "response_headers = { set = { \"Strict-Transport-Security\" = \"max-age=60\" } }";
    assert_eq!(hsts(own).as_deref(), Some("max-age=60"));
}

#[test]
fn r_83_headers_that_may_not_be_changed() {
    for name in [
        "Host",
        "Content-Length",
        "Content_Length",
        "Connection",
        "X-Forwarded-For",
        "x_forwarded_for",
        "Remote-User",
        "X-Real-IP",
        "a b",
        "",
    ] {
        let lines = format!("request_headers = {{ set = {{ \"{name}\" = \"x\" }} }}");
        assert_eq!(codes(&lines).len(), 1, "{name}: {:?}", codes(&lines));
        let lines = format!("request_headers = {{ remove = [\"{name}\"] }}");
        assert_eq!(codes(&lines).len(), 1, "{name}");
    }
    for name in ["Authorization", "Cookie"] {
        assert_eq!(codes(&format!("request_headers = {{ set = {{ {name} = \"x\" }} }}")).len(), 1, "{name}");
        assert!(codes(&format!("request_headers = {{ remove = [\"{name}\"] }}")).is_empty(), "{name}");
    }
    assert_eq!(codes("response_headers = { set = { Set-Cookie = \"a=b\" } }").len(), 1);
    assert_eq!(codes("request_headers = { set = { X-A = \"1\", X_A = \"2\" } }").len(), 1);
    assert_eq!(codes("request_headers = { set = { X-A = \"a\\nb\" } }").len(), 1);
    let both = format!(
        "{SERVICE}policy = \"users\"\nupstream = \"http://127.0.0.1:1\"\nidentity_headers = {{ X-Who = \"username\" }}\n\
         request_headers = {{ set = {{ X_Who = \"root\" }} }}\n"
    );
    assert_eq!(found(&both.replace("public", "sso")), ["E008 services.app.request_headers"]);
    let relay = relay("security_headers = true\nresponse_headers = { remove = [\"X-Frame-Options\"] }");
    let names: Vec<&str> = relay.response.set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-content-type-options", "referrer-policy", "strict-transport-security"]);
}

#[test]
fn prefixes_queries_and_limits() {
    let relay = relay(
        "strip_prefix = \"/app/\"\nadd_prefix = \"/base\"\nlimits = { body = \"10MiB\", duration = \"1h\" }\n\
         query = [{ paths = [\"/login\"], set = { lang = \"en\" } }]",
    );
    assert_eq!((relay.paths.strip.as_deref(), relay.paths.add.as_deref()), (Some("/app"), Some("/base")));
    assert_eq!((relay.limits.body, relay.limits.duration.unwrap().as_secs()), (Some(10 << 20), 3600));
    assert_eq!(relay.queries.len(), 1);
    for (lines, expected) in [
        ("strip_prefix = \"/\"", "E005 services.app.strip_prefix"),
        ("strip_prefix = \"app\"", "E005 services.app.strip_prefix"),
        ("add_prefix = \"/a/../b\"", "E005 services.app.add_prefix"),
        ("add_prefix = \"/.doorward\"", "E005 services.app.add_prefix"),
        ("limits = { body = \"10MB\" }", "E005 services.app.limits.body"),
        ("limits = { body = \"99999999999999GiB\" }", "E005 services.app.limits.body"),
        ("limits = { duration = \"0s\" }", "E005 services.app.limits.duration"),
        ("query = [{ set = { a = \"b\" } }]", "E004 services.app.query[0]"),
        ("query = [{ paths = [\"/a\"] }]", "E004 services.app.query[0]"),
        ("query = [{ paths = [\"/a\"], set = { a = \"b&c\" } }]", "E005 services.app.query[0].set.a"),
        ("compress = 1", "E003 services.app.compress"),
    ] {
        assert_eq!(codes(lines), [expected], "{lines}");
    }
}

#[test]
fn a_site_of_files_has_any_posture_and_is_none_itself() {
    let site = |lines: &str| format!("{SERVICE}[services.app.static]\ndirectory = \"site\"\n{lines}\n");
    let whole = site(
        "index = \"start.html\"\nfallback = \"app.html\"\napi = [{ prefix = \"/api\", upstream = \"http://127.0.0.1:1\" }]\n\
         cache = [{ paths = [\"/assets\"], max_age = \"365d\", immutable = true }]\nprecompressed = true",
    );
    let checked = checked(&whole);
    let Backend::Static(files) = &checked.config.services[0].backend else { panic!("no files") };
    assert_eq!((files.index.as_str(), files.cache[0].max_age), ("start.html", 31_536_000));
    assert!(files.precompressed && files.directory.ends_with("site") && files.api_of("/api/x").is_some());
    for (lines, expected) in [
        ("fallback = \"../index.html\"", "E005 services.app.static.fallback"),
        ("index = \".hidden\"", "E005 services.app.static.index"),
        ("cache = [{ max_age = \"1d\" }]", "E004 services.app.static.cache[0]"),
        ("cache = [{ paths = [\"/a\"] }]", "E004 services.app.static.cache[0]"),
        ("api = [{ prefix = \"/api\" }]", "E004 services.app.static.api[0]"),
        (
            "api = [{ prefix = \"api\", upstream = \"http://127.0.0.1:1\" }]",
            "E005 services.app.static.api[0].prefix",
        ),
    ] {
        assert_eq!(found(&site(lines)), [expected], "{lines}");
    }
    let both = site("").replace("posture", "upstream = \"http://127.0.0.1:1\"\nposture");
    assert_eq!(found(&both), ["E008 services.app.upstream"]);
    assert_eq!(found(&format!("{SERVICE}static = {{}}\n")), ["E004 services.app.static"]);
    let posture = site("").replace("\"public\"", "\"static\"");
    assert_eq!(found(&posture), ["E005 services.app.posture"]);
    assert!(help(&posture).contains("static = { directory"));
}

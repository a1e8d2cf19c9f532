//! Services: posture, policy, hosts, upstream, bypass, identity headers.

use doorward_core::{
    policy::Posture,
    service::{Balance, HealthCheck},
};

use super::{check_files, checked, found, help};

/// A sound service with more lines.
fn service(more: &str) -> String {
    format!(
        "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"sso\"\npolicy = \"users\"\n{more}"
    )
}

/// Each row is a line in a sound service, and the keys below `services.notes` that are wrong with it.
fn in_service(rows: &[(&str, &[&str])]) {
    for (line, expected) in rows {
        let found: Vec<String> =
            found(&service(line)).into_iter().map(|found| found.replace(" services.notes", " ")).collect();
        assert_eq!(&found, expected, "{line}");
    }
}

/// Impossible 1: who does not say what stands in front of a service gets none.
#[test]
fn impossible_1_a_service_without_posture_is_refused() {
    let lines = "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\npolicy = \"users\"\n";
    assert_eq!(found(lines), ["E004 services.notes"]);
    assert_eq!(
        help(lines),
        "a service says what it demands: sso, forward-auth, basic, public, native-oidc, app-login, redirect"
    );
    let gate = lines.replace("policy", "posture").replace("users", "sso");
    assert_eq!(found(&gate), ["E004 services.notes"]);
    assert!(help(&gate).contains("policy = \"users\""));
    assert_eq!(found("services.notes = {}\n"), ["E004 services.notes", "E004 services.notes"]);
}

/// A missing posture does not hide the policy's mistake.
#[test]
fn an_unknown_policy_is_refused_with_a_proposal() {
    let lines = service("").replace("\"users\"", "\"user\"");
    assert_eq!(found(&lines), ["E006 services.notes.policy"]);
    assert_eq!(help(&lines), "did you mean `users`? Policies: admins, users");
    let lines = lines.replace("posture = \"sso\"\n", "");
    assert_eq!(found(&lines), ["E004 services.notes", "E006 services.notes.policy"]);
    let lines = service("").replace("\"users\"", "\"bypass\"") + "[policies.family]\nanyone = true\n";
    assert!(help(&lines).ends_with("Policies: admins, family, users"));
    let declared = "[policies.bad]\ngroups = []\n".to_owned() + &service("").replace("\"users\"", "\"bad\"");
    assert_eq!(found(&declared), ["E009 policies.bad.groups"], "declared badly is declared");
}

#[test]
fn postures_are_words() {
    for (word, expected) in
        [("public", Posture::Public), ("native-oidc", Posture::NativeOidc), ("app-login", Posture::AppLogin)]
    {
        let lines = format!("[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"{word}\"\n");
        assert_eq!(checked(&lines).config.services[0].guard.posture, expected);
        let needless = format!("{lines}policy = \"users\"\nbypass = []\n");
        assert_eq!(found(&needless), ["E008 services.notes.policy", "E008 services.notes.bypass"], "{word}");
    }
    let lines = service("").replace("\"sso\"", "\"publc\"");
    assert_eq!(found(&lines), ["E005 services.notes.posture"]);
    assert_eq!(help(&lines), "did you mean `public`?");
    assert_eq!(found(&service("").replace("\"sso\"", "true")), ["E003 services.notes.posture"]);
    assert_eq!(found(&service("").replace("\"sso\"", "\"SSO\"")), ["E005 services.notes.posture"]);
}

#[test]
fn p_13_each_host_has_one_owner() {
    let other = "[services.other]\nupstream = \"http://127.0.0.1:1\"\nposture = \"public\"\n";
    let with = |line: &str| found(&format!("{}{other}{line}", service("")));
    assert!(with("").is_empty());
    assert_eq!(with("host = \"notes.example.org\"\n"), ["E007 services.other.host"]);
    assert_eq!(with("host = \"NOTES.example.org.\"\n"), ["E007 services.other.host"]);
    assert_eq!(with("host = \"id.example.org\"\n"), ["E007 services.other.host"]);
    assert_eq!(with("hosts = [\"a.b\", \"c.d\", \"a.b\"]\n"), ["E007 services.other.hosts[2]"]);
    assert_eq!(found(&service("host = \"x.y\"\nhosts = [\"z.y\"]\n")), ["E008 services.notes.hosts"]);
    assert_eq!(found(&service("hosts = []\n")), ["E008 services.notes.hosts"]);
    let portal = format!("portal.host = \"notes.example.org\"\n{}", service(""));
    assert_eq!(found(&portal), ["E007 services.notes"]);
}

#[test]
fn hosts_are_bare_names_of_any_domain() {
    let hosts = |line: &str| checked(&service(line)).config.services[0].hosts[0].to_string();
    assert_eq!(hosts(""), "notes.example.org");
    assert_eq!(hosts("host = \"notes.example.com\"\n"), "notes.example.com");
    in_service(&[
        ("host = \"https://notes.example.org\"\n", &["E005 .host"]),
        ("host = \"notes.example.org:8443\"\n", &["E005 .host"]),
        ("host = \"notes.example.org/app\"\n", &["E005 .host"]),
        ("host = \"*.example.org\"\n", &["E005 .host"]),
        ("host = \"nötes.example.org\"\n", &["E005 .host"]),
        ("host = \"\"\n", &["E005 .host"]),
        ("host = 1\n", &["E003 .host"]),
    ]);
    for name in ["Notes", "no tes", "-notes", "", "nötes", "a.b"] {
        let lines = service("").replace("[services.notes]", &format!("[services.\"{name}\"]"));
        assert_eq!(found(&lines), [format!("E005 services.{name}")]);
        let lines = lines.replace("\"users\"", "\"nobody\"");
        assert_eq!(found(&lines).len(), 2, "the rest is checked too");
    }
}

#[test]
fn upstreams_are_origins() {
    for (text, url) in [
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://app.internal", "https://app.internal:443"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443"),
        ("http://[::1]", "http://[::1]:80"),
        ("h2c://127.0.0.1:50051", "h2c://127.0.0.1:50051"),
        ("unix:/run/app.sock", "unix:/run/app.sock"),
    ] {
        let lines = service("").replace("http://127.0.0.1:3000", text);
        assert_eq!(checked(&lines).config.services[0].upstream().unwrap().to_string(), url);
        assert!(found(&lines).is_empty(), "{text}");
    }
    for text in [
        "",
        "127.0.0.1:80",
        "http://",
        "http:///",
        "http://u@127.0.0.1",
        "http://u:p@127.0.0.1:80",
        "http://127.0.0.1/app",
        "http://127.0.0.1//",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
        "ftp://127.0.0.1",
        "HTTP://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:",
        "http://127.0.0.1:+80",
        "http://::1:80",
        "http://[::1",
        "http://[::1]x:80",
        "http://a b",
        "http://a\\\\b",
        "unix:run/app.sock",
        "unix:",
        "h2c:127.0.0.1:50051",
        "https://*.internal",
    ] {
        let lines = service("").replace("http://127.0.0.1:3000", text);
        assert_eq!(found(&lines), ["E005 services.notes.upstream"], "{text}");
    }
    assert_eq!(found("[services.notes]\nposture = \"public\"\n"), ["E004 services.notes"]);
    let away = service("").replace("127.0.0.1:3000", "10.0.0.5:3000");
    assert_eq!(found(&away), ["W102 services.notes.upstream"]);
    in_service(&[
        ("upstream_host = \"upstream\"\n", &[]),
        ("upstream_host = \"notes\"\n", &["E005 .upstream_host"]),
        ("danger = { verify_upstream = false }\n", &["W105 .danger"]),
        ("danger = { verify_upstream = true }\n", &[]),
        ("danger = { verify = false }\n", &["E002 .danger.verify"]),
        ("danger = true\n", &["E003 .danger"]),
        ("verify_upstream = false\n", &["E002 .verify_upstream"]),
    ]);
}

#[test]
fn an_upstream_has_one_target_or_several() {
    let several = |list: &str| {
        service("").replace("upstream = \"http://127.0.0.1:3000\"", &format!("upstreams = {list}"))
    };
    let lines = several("[\"http://127.0.0.1:1\", \"unix:/run/app.sock\"]\nbalance = \"round-robin\"");
    let checked = checked(&lines);
    let upstream = checked.config.services[0].upstream().unwrap();
    assert_eq!(upstream.to_string(), "http://127.0.0.1:1, unix:/run/app.sock");
    assert_eq!((upstream.balance, &upstream.health), (Balance::RoundRobin, &None));
    for (list, expected) in [
        ("[]", "E008 services.notes.upstreams"),
        ("[\"http://127.0.0.1:1\", \"http://127.0.0.1:1/\"]", "E007 services.notes.upstreams[1]"),
        ("[\"http://127.0.0.1:1\", \"app\"]", "E005 services.notes.upstreams[1]"),
        ("[\"http://10.0.0.5\"]", "W102 services.notes.upstreams[0]"),
        ("\"http://127.0.0.1:1\"", "E003 services.notes.upstreams"),
        ("[1]", "E003 services.notes.upstreams[0]"),
    ] {
        assert!(found(&several(list)).contains(&expected.to_owned()), "{list} {:?}", found(&several(list)));
    }
    in_service(&[
        ("upstreams = [\"http://127.0.0.1:1\"]\n", &["E008 .upstreams"]),
        ("balance = \"least-busy\"\n", &["E008 .balance"]),
        ("balance = \"random\"\n", &["E005 .balance", "E008 .balance"]),
    ]);
}

#[test]
fn health_is_a_path_or_a_table() {
    let check = |value: &str| {
        let checked = checked(&service(&format!("health = {value}\n")));
        checked.config.services[0].upstream().unwrap().health.clone().unwrap()
    };
    let seconds = |seconds| std::time::Duration::from_secs(seconds);
    let plain = HealthCheck { path: "/up".to_owned(), interval: seconds(10), expect: None };
    assert_eq!(check("\"/up\""), plain);
    assert_eq!(
        check("{ path = \"/up?deep=1\", interval = \"1m\", expect = 401 }"),
        HealthCheck { path: "/up?deep=1".to_owned(), interval: seconds(60), expect: Some(401) }
    );
    assert!(plain.accepts(200) && plain.accepts(302) && !plain.accepts(404) && !plain.accepts(101));
    in_service(&[
        ("health = \"up\"\n", &["E005 .health"]),
        ("health = \"/a/../b\"\n", &["E005 .health"]),
        ("health = \"/up?a b\"\n", &["E005 .health"]),
        ("health = {}\n", &["E004 .health"]),
        ("health = { path = \"/\", interval = \"0s\" }\n", &["E005 .health.interval"]),
        ("health = { path = \"/\", interval = \"2h\" }\n", &["E005 .health.interval"]),
        ("health = { path = \"/\", expect = 42 }\n", &["E005 .health.expect"]),
        ("health = { path = \"/\", status = 200 }\n", &["E002 .health.status"]),
        ("health = 5\n", &["E003 .health"]),
    ]);
}

#[test]
fn r_84_what_an_upstream_is_shown_comes_in_pairs() {
    let lines = "upstream_server_name = \"app.internal\"\nupstream_ca_file = \"ca.pem\"\n\
                 upstream_certificate_file = \"door.pem\"\nupstream_key_file = \"/keys/door.key\"\n";
    let tls = checked(&service(lines)).config.services[0].upstream().unwrap().tls.clone();
    let identity = tls.identity.unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("app.internal"));
    assert!(identity.certificate_file.ends_with("door.pem") && identity.key_file.ends_with("keys/door.key"));
    in_service(&[
        ("upstream_certificate_file = \"door.pem\"\n", &["E008 .upstream_certificate_file"]),
        ("upstream_key_file = \"door.key\"\n", &["E008 .upstream_key_file"]),
        ("upstream_server_name = \"https://app\"\n", &["E005 .upstream_server_name"]),
    ]);
}

/// Impossible 1 and R45: what is open says to whom.
#[test]
fn a_bypass_names_its_networks_or_says_public() {
    in_service(&[
        ("bypass = [{ paths = [\"/api\"], networks = [\"127.0.0.1\"] }]\n", &[]),
        ("bypass = [{ paths = [\"/api\"] }]\n", &["E009 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], public = false }]\n", &["E009 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], public = true }]\n", &["W101 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], public = true, networks = [] }]\n", &["E008 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], networks = [\"0.0.0.0/0\"] }]\n", &["W101 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], networks = [\"10.0.0.0/8\", \"::/0\"] }]\n", &["W101 .bypass[0]"]),
        ("bypass = [{ regexes = [\"/a/[0-9]+\"], networks = [\"10.0.0.1\"] }]\n", &[]),
        ("bypass = [{ paths = [\"/a\"], regexes = [\"/b\"], networks = [\"10.0.0.1\"] }]\n", &[]),
        ("bypass = [{ regexes = [], networks = [\"10.0.0.1\"] }]\n", &["E004 .bypass[0]"]),
        ("bypass = [{ regexes = [\"/a\"] }]\n", &["E009 .bypass[0]"]),
        ("bypass = [{ paths = [], networks = [\"10.0.0.1\"] }]\n", &["E004 .bypass[0]"]),
        ("bypass = [{ paths = \"/api\", networks = [\"10.0.0.1\"] }]\n", &["E003 .bypass[0].paths"]),
        ("bypass = [{ networks = [\"10.0.0.1\"] }]\n", &["E004 .bypass[0]"]),
        ("bypass = { paths = [\"/api\"], public = true }\n", &["E003 .bypass"]),
        ("bypass = [\"/api\"]\n", &["E003 .bypass[0]"]),
        ("bypass = [{ paths = [\"/api\"], networks = [\"lan\"] }]\n", &["E005 .bypass[0].networks[0]"]),
        ("bypass = [{ path = \"/api\", public = true }]\n", &["E004 .bypass[0]", "E002 .bypass[0].path"]),
    ]);
    let lines = service("bypass = [{ paths = [\"/api\", \"/feed\"] }]\n");
    assert_eq!(
        help(&lines),
        "write `networks = […]`, or `public = true` for everybody, in its entry of `bypass`"
    );
}

/// A bypass in the words of the founding document: its `allowedNetworks` limit the bypass, not the service.
#[test]
fn a_bypass_may_be_written_into_the_service() {
    in_service(&[
        ("bypassPaths = [\"/api\"]\nallowedNetworks = [\"10.0.0.0/8\"]\n", &[]),
        ("bypassResources = [\"/api/.*\"]\nallowedNetworks = [\"10.0.0.0/8\"]\n", &[]),
        ("bypassPaths = [\"/api\"]\n", &["E009 .bypassPaths"]),
        ("bypassResources = [\"/api\"]\n", &["E009 .bypassResources"]),
        ("bypassPaths = [\"/api\"]\nallowedNetworks = [\"0.0.0.0/0\"]\n", &["W101 .bypassPaths"]),
    ]);
    let lines =
        "bypassPaths = [\"/api\"]\nbypassResources = [\"/[^/]+/feed\"]\nallowedNetworks = [\"10.0.0.0/8\"]\n";
    let guard = checked(&service(lines)).config.services[0].guard.clone();
    assert_eq!(guard.networks, None);
    let [bypass] = guard.bypass.as_slice() else { panic!("{:?}", guard.bypass) };
    assert!(
        bypass.paths.contain("/api/x") && bypass.paths.contain("/abc/feed") && !bypass.paths.contain("/x")
    );
    assert!(bypass.allows_network("10.1.1.1".parse().unwrap()));
    assert!(!bypass.allows_network("192.168.1.1".parse().unwrap()));
    let guard = checked(&service("allowedNetworks = [\"10.0.0.0/8\"]\n")).config.services[0].guard.clone();
    assert!(guard.networks.is_some() && guard.bypass.is_empty(), "without a bypass they limit the service");
}

/// T-9: an unfit expression opens nothing, and closes its own service only.
#[test]
fn t_9_an_unfit_regex_closes_its_service_alone() {
    let lines = service("bypass = [{ regexes = [\"/ok\", \"(\"], networks = [\"::1\"] }]\n")
        + "[services.other]\nupstream = \"http://127.0.0.1:1\"\nposture = \"public\"\n";
    assert_eq!(found(&lines), ["Q001 services.notes.bypass[0].regexes[1]"]);
    let config = checked(&lines).config;
    let Posture::Quarantined(reason) = &config.services[0].guard.posture else { panic!("it is not closed") };
    assert_eq!((reason.id, reason.key.as_str()), ("closed_regex", "services.notes.bypass[0].regexes[1]"));
    assert!(reason.cause.contains("unclosed group"), "{}", reason.cause);
    assert_eq!(config.services[1].guard.posture, Posture::Public);
}

/// What a missing file means for its service, in a check and when the configuration is loaded.
#[test]
fn impossible_5_a_missing_file_closes_its_service_alone() {
    let lines = service("upstream_ca_file = \"missing.pem\"\n").replace("http:", "https:");
    let mut checked = checked(&lines);
    let found = check_files(&mut checked);
    assert_eq!((found[0].code, found[0].key.as_str()), ("Q002", "services.notes.upstream_ca_file"));
    assert!(found[0].message.contains("/etc/doorward/missing.pem"), "{}", found[0].message);
    let Posture::Quarantined(reason) = &checked.config.services[0].guard.posture else {
        panic!("it is not closed")
    };
    assert_eq!(reason.id, "closed_upstream_ca_file");
    assert!(checked.config.routes.find("notes.example.org").is_some(), "its host answers, with the reason");
}

/// Impossible 8: a rule is written in the one spelling in which requests are judged.
#[test]
fn impossible_8_bypass_paths_are_canonical() {
    for path in [
        "",
        "api",
        "//",
        "/api//v1",
        "/api/../x",
        "/api/.",
        "/%61pi",
        "/api;x",
        "/api?x",
        "/api#x",
        "/a b",
        "/a\\\\b",
        "/é",
        "*",
    ] {
        let lines = service(&format!("bypass = [{{ paths = [\"{path}\"], networks = [\"::1\"] }}]\n"));
        assert_eq!(found(&lines), ["E005 services.notes.bypass[0].paths[0]"], "{path}");
    }
    for path in ["/.doorward", "/.doorward/", "/.doorward/callback"] {
        let lines = service(&format!("bypass = [{{ paths = [\"{path}\"], networks = [\"::1\"] }}]\n"));
        assert_eq!(found(&lines), ["E005 services.notes.bypass[0].paths[0]"], "{path}");
        assert!(help(&lines).contains("/.doorward/"));
    }
    for path in ["/", "/api", "/api/", "/.well-known/x", "/.doorwards"] {
        let lines = service(&format!("bypass = [{{ paths = [\"{path}\"], networks = [\"::1\"] }}]\n"));
        assert!(found(&lines).is_empty(), "{path}");
    }
    in_service(&[
        ("bypass = [{ paths = [\"/a\"], networks = [\"::1\"], methods = [\"GET\", \"PROPFIND\"] }]\n", &[]),
        (
            "bypass = [{ paths = [\"/a\"], networks = [\"::1\"], methods = [\"get\"] }]\n",
            &["E005 .bypass[0].methods[0]"],
        ),
        (
            "bypass = [{ paths = [\"/a\"], networks = [\"::1\"], methods = [\"G T\"] }]\n",
            &["E005 .bypass[0].methods[0]"],
        ),
        (
            "bypass = [{ paths = [\"/a\"], networks = [\"::1\"], methods = [\"\"] }]\n",
            &["E005 .bypass[0].methods[0]"],
        ),
    ]);
}

#[test]
fn networks_of_a_service() {
    in_service(&[
        ("networks = [\"192.168.0.0/16\"]\n", &[]),
        ("networks = [\"192.168.1.0/16\"]\n", &["E005 .networks[0]"]),
        ("networks = [\"192.168.1\"]\n", &["E005 .networks[0]"]),
        ("networks = [\"010.0.0.1\"]\n", &["E005 .networks[0]"]),
        ("networks = [\"fe80::1%eth0\"]\n", &["E005 .networks[0]"]),
        ("csrf_shield = \"no\"\n", &["E003 .csrf_shield"]),
    ]);
    let guard = &checked(&service("networks = []\n")).config.services[0].guard;
    assert_eq!(guard.networks.as_deref(), Some([].as_slice()), "an empty list is nowhere");
    assert!(guard.csrf_shield);
}

/// H-5: names of headers are compared as upstreams read them, and what the door itself says can't be taken over.
#[test]
fn h_5_identity_headers_have_names_of_their_own() {
    in_service(&[
        ("identity_headers = true\n", &[]),
        ("identity_headers = \"remote\"\n", &["E003 .identity_headers"]),
        (
            "identity_headers = { \"X-WEBAUTH-USER\" = \"username\", \"X-Token-User-Email\" = \"email\" }\n",
            &[],
        ),
        (
            "identity_headers = { \"X-Forwarded-User\" = \"username\", \"X-Forwarded-Groups\" = \"groups\" }\n",
            &[],
        ),
        ("identity_headers = { \"X-A\" = \"name\", \"x_a\" = \"sub\" }\n", &["E007 .identity_headers.x_a"]),
        ("identity_headers = { \"X-A\" = \"user\" }\n", &["E005 .identity_headers.X-A"]),
        ("identity_headers = [\"remote\", \"x-forwarded\", \"x-token\", \"webauth\"]\n", &[]),
        ("identity_headers = [\"remote\", \"X-Token\"]\n", &["E005 .identity_headers[1]"]),
        ("identity_headers = [\"remote\", \"remote\"]\n", &["E007 .identity_headers[1]"]),
        ("identity_headers = [1]\n", &["E005 .identity_headers[0]"]),
        ("identity_headers = { sets = [\"webauth\"], \"X-Login\" = \"username\" }\n", &[]),
        (
            "identity_headers = { \"x_webauth_user\" = \"sub\", sets = [\"webauth\"] }\n",
            &["E007 .identity_headers.x_webauth_user"],
        ),
        ("identity_headers = { sets = \"webauth\" }\n", &["E003 .identity_headers.sets"]),
        ("identity_headers = { sets = [\"web\"] }\n", &["E005 .identity_headers.sets[0]"]),
        ("identity_headers = { \"X-A\" = 1 }\n", &["E005 .identity_headers.X-A"]),
        ("identity_headers = { \"X A\" = \"name\" }\n", &["E005 .identity_headers.X A"]),
        ("identity_headers = { \"X-A\\r\\nX-B\" = \"name\" }\n", &["E005 .identity_headers.X-A\r\nX-B"]),
    ]);
}

#[test]
fn h_5_what_the_door_says_itself_is_no_identity_header() {
    for name in [
        "Host",
        "Cookie",
        "Authorization",
        "Connection",
        "Content_Length",
        "X-Forwarded-For",
        "X_Forwarded_Proto",
        "X-Real-IP",
        "Forwarded",
        "Transfer-Encoding",
        "Sec-Fetch-Site",
        "X-Original-URL",
        "X-Doorward-User",
        "Origin",
        "",
    ] {
        let lines = service(&format!("identity_headers = {{ \"{name}\" = \"username\" }}\n"));
        assert_eq!(found(&lines), [format!("E005 services.notes.identity_headers.{name}")]);
    }
    let reserved = checked(&service("identity_headers = { \"X-Wiki-Person\" = \"username\" }\n"))
        .config
        .reserved_headers;
    assert!(reserved.contains(&"x_wiki_person".parse().unwrap()), "what one service is told, no client says");
    assert!(reserved.contains(&"remote-user".parse().unwrap()));
}

/// Impossible 5: a mistake in one service starts nothing, so it takes no other down in a server that runs.
#[test]
fn impossible_5_a_mistake_in_one_service_is_a_mistake_of_the_file() {
    let lines = service("") + "[services.broken]\nupstream = \"http://127.0.0.1:1\"\n";
    assert_eq!(found(&lines), ["E004 services.broken"]);
    assert_eq!(found("services = []\n"), ["E003 services"]);
    assert_eq!(found("services.notes = \"x\"\n"), ["E003 services.notes"]);
}

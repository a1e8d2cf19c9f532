//! What becomes of sites.

use super::draft;

const SECURITY: &str = "{\nsecurity {\nauthorization policy p {\nallow roles family\n}\n\
    authorization policy q {\nallow roles admins\n}\nauthorization policy open {\nallow roles family\n\
    bypass uri prefix /ping\nbypass uri regex .*x\n}\nauthorization policy odd {\nallow roles family\nallow origin any\n}\n}\n}\n";

/// The table of the only service, without its name and host.
fn service(body: &str) -> String {
    let draft = draft(&format!("{SECURITY}x.a.test {{\n{body}\n}}\n")).unwrap();
    let (_, table) = draft.text.split_once("[services.x]\nhost = \"x.a.test\"\n").unwrap_or_default();
    table.trim_end().to_owned()
}

const CLOSED: &str = "rules = [\n    { regexes = [\".*\"], deny = true },\n]";

const WHOLE: [(&str, &str); 3] = [
    ("founding", include_str!("../../tests/caddyfiles/founding.Caddyfile")),
    ("house", include_str!("../../tests/caddyfiles/house.Caddyfile")),
    ("pocket-id", include_str!("../../tests/caddyfiles/pocket-id.Caddyfile")),
];

#[test]
fn whole_files() {
    for (name, text) in WHOLE {
        let draft = draft(text).unwrap();
        let mut lines = vec![draft.text];
        for note in &draft.notes {
            let closes = if note.closes { " (closed)" } else { "" };
            lines.push(format!("#{} {}{closes}: {}", note.line, note.about, note.text));
        }
        insta::assert_snapshot!(format!("caddyfile_{name}"), lines.join("\n"));
    }
}

#[test]
fn what_closes_and_what_opens() {
    let gated = "authorize with p\nreverse_proxy app:80";
    assert_eq!(service(gated), "upstream = \"http://app:80\"\nposture = \"sso\"\npolicy = \"p\"");
    // Openings, from what is exactly understood.
    for (body, expected) in [
        (
            "@g not path /api/*\nauthorize @g with p\nreverse_proxy app:80",
            "{ regexes = [\"/api/.*\"], public = true }",
        ),
        (
            "handle /api/* {\nreverse_proxy app:80\n}\nhandle {\nauthorize with p\nreverse_proxy app:80\n}",
            "{ regexes = [\"/api/.*\"], public = true }",
        ),
        (
            "@g not {\npath /api\nremote_ip 10.0.0.0/8\n}\nauthorize @g with p\nreverse_proxy app:80",
            "{ regexes = [\"/api\"], networks = [\"10.0.0.0/8\"] }",
        ),
        ("authorize with open\nreverse_proxy app:80", "{ regexes = [\"/ping.*\"], public = true }"),
    ] {
        let found = service(body);
        assert!(
            found.contains(&format!("bypass = [\n    {expected},\n]")) && !found.contains("rules"),
            "{body}\n{found}"
        );
    }
    // What isn't, opens nothing.
    for body in [
        "@g not header X y\nauthorize @g with p\nreverse_proxy app:80",
        "@g path /admin/*\nauthorize @g with p\nreverse_proxy app:80",
        "@g not path_regexp ^/api\nauthorize @g with p\nreverse_proxy app:80",
        "authorize @undefined with p\nreverse_proxy app:80",
        "handle @x {\nreverse_proxy app:80\n}\nhandle {\nauthorize with p\nreverse_proxy app:80\n}",
    ] {
        let found = service(body);
        assert!(found.contains("policy = \"p\"") && !found.contains("bypass"), "{body}\n{found}");
    }
    // A rule that closes has no regard to case, as there.
    for (body, expected) in [
        (
            "handle /admin/* {\nauthorize with q\nreverse_proxy app:80\n}\nhandle {\nauthorize with p\nreverse_proxy app:80\n}",
            "{ regexes = [\"(?i)/admin/.*\"], policy = \"q\" }",
        ),
        (
            "handle /admin/* {\nauthorize with q\nreverse_proxy app:80\n}\nhandle {\nreverse_proxy app:80\n}",
            "{ regexes = [\"(?i)/admin/.*\"], policy = \"q\" }",
        ),
        (
            "respond /internal/* 403\nauthorize with p\nreverse_proxy app:80",
            "{ regexes = [\"(?i)/internal/.*\"], deny = true }",
        ),
        (
            "reverse_proxy /api/* other:80\nauthorize with p\nreverse_proxy app:80",
            "{ regexes = [\"(?i)/api/.*\"], deny = true }",
        ),
    ] {
        let found = service(body);
        assert!(
            found.contains(&format!("rules = [\n    {expected},\n]")) && !found.contains("bypass"),
            "{body}\n{found}"
        );
    }
}

#[test]
fn closed_as_a_whole() {
    for body in [
        "authorize with p\nwhatever\nreverse_proxy app:80",
        "whatever\nreverse_proxy app:80",
        "authorize with odd\nreverse_proxy app:80",
        "authorize with undefined\nreverse_proxy app:80",
        "authorize with p\nbasic_auth {\na b\n}\nreverse_proxy app:80",
        "authorize with p\nreverse_proxy app:80 {\nhandle_response {\nrespond 200\n}\n}",
        "authorize with p\nreverse_proxy {env.APP}",
        "authorize with p\nimport elsewhere/*",
        "authorize with p\nrewrite /x /y\nreverse_proxy app:80",
        "forward_auth a:1 {\nuri /x\n}\nreverse_proxy app:80",
        "abort @undefined\nreverse_proxy app:80",
        "@o not path /public/*\nabort @o\nreverse_proxy app:80",
        "handle /a/* {\nreverse_proxy app:80\n}",
        "handle {\nauthorize with p\nreverse_proxy app:80\n}\nreverse_proxy app:80",
        "respond hello",
        "authorize with p",
    ] {
        let found = service(body);
        assert!(found.ends_with(CLOSED) && found.contains("posture = \"sso\""), "{body}\n{found}");
    }
}

/// A bypass is asked before the policy of a rule, so it would open what the rule is about.
#[test]
fn nothing_is_opened_beside_a_policy_of_some_paths() {
    let found = service(
        "handle /api/admin/* {\nauthorize with q\nreverse_proxy app:80\n}\nhandle /api/* {\nreverse_proxy app:80\n}\n\
         handle {\nauthorize with p\nreverse_proxy app:80\n}",
    );
    assert!(found.contains("policy = \"q\"") && !found.contains("bypass"), "{found}");
}

#[test]
fn networks() {
    let only = "networks = [\"10.0.0.0/8\"]";
    for body in [
        "@o not remote_ip 10.0.0.0/8\nabort @o\nreverse_proxy app:80",
        "@i remote_ip 10.0.0.0/8\nhandle @i {\nreverse_proxy app:80\n}\nrespond 403",
        "@i remote_ip 10.0.0.0/8\nhandle @i {\nreverse_proxy app:80\n}\nhandle {\nabort\n}",
    ] {
        let found = service(body);
        assert!(
            found.contains(only) && found.contains("\"public\"") && !found.contains("rules"),
            "{body}\n{found}"
        );
    }
}

#[test]
fn what_is_twice_is_closed_and_what_has_no_name_is_said() {
    let draft =
        draft("a.test {\nreverse_proxy x:1\n}\na.test:8080 {\nreverse_proxy y:1\n}\n:80 {\nrespond hi\n}\n")
            .unwrap();
    assert_eq!((draft.services, draft.closed), (1, 1));
    assert!(draft.notes.iter().any(|note| note.text.contains("every host")), "{:?}", draft.notes);
}

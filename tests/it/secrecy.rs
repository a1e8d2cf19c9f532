//! Impossible 12: what is secret is in no log, on no command line and on no page that is not its own.

use std::collections::BTreeSet;

use doorward_visitor::{Client, Page, Person, Request};
use http::{HeaderMap, Method};

use crate::process::{Folder, Process};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const CLIENT: &str = "\n[clients.tool]\nclient_id = \"tool\"\nclient_secret_file = \"wiki.secret\"\nconsent = false\n\
                      redirect_uris = [\"http://tool.localhost/callback\"]\nallowed_groups = [\"admins\"]\n";

/// What nobody may read in a log.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, text: &str) {
        // Shorter ones occur by chance.
        if text.len() >= 8 {
            self.0.insert(text.to_owned());
        }
    }

    fn headers(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let value = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap().1;
            self.add(value);
        }
        for line in headers.get_all("location") {
            let query = line.to_str().unwrap().split_once('?').map_or("", |(_, query)| query);
            for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
                if ["code", "tx", "challenge"].contains(&&*name) {
                    self.add(&value);
                }
            }
        }
    }

    fn page(&mut self, page: &Page) {
        self.headers(&page.headers);
        for hop in &page.chain {
            self.headers(&hop.headers);
        }
    }

    fn jar(&mut self, person: &Person) {
        for host in ["id.localhost", "notes.localhost"] {
            for cookie in person.client.jar.cookies(host) {
                self.add(&cookie.value);
            }
        }
    }
}

/// Everything that has a secret: set-up, an enrolment link, a handoff, an authorization code and its tokens.
async fn walk(process: &Process, folder: &Folder) -> Secrets {
    let mut secrets = Secrets::default();
    let link = process.setup_link();
    secrets.add(link.rsplit('/').next().unwrap());
    let client = Client::new(([127, 0, 0, 1], folder.port).into());
    let mut ada = Person::new(client.clone(), "http://id.localhost:8080").unwrap();
    secrets.page(&ada.open("http://notes.localhost:8080/?q=query-that-is-private").await.unwrap());
    secrets.add("query-that-is-private");
    ada.set_up(&link, "ada", "Ada Lovelace").await.unwrap();
    secrets.jar(&ada);
    secrets.page(&ada.open("http://notes.localhost:8080/?q=query-that-is-private").await.unwrap());
    secrets.jar(&ada);
    let fields = [("username", "bob"), ("display_name", "Bob"), ("email", ""), ("groups", "users")];
    let page = ada.client.post_form("http://id.localhost:8080/admin/people", &fields).await.unwrap();
    let text = page.text();
    let (_, rest) = text.split_once("/enrol/").unwrap();
    let token = rest.split(['<', '"', ' ']).next().unwrap();
    secrets.add(token);
    let mut bob = Person::new(client, "http://id.localhost:8080").unwrap();
    bob.enrol(&format!("http://id.localhost:8080/enrol/{token}")).await.unwrap();
    secrets.jar(&bob);
    tokens(&mut ada, &mut secrets).await;
    mistyped(&mut ada, &mut secrets).await;
    ada.sign_out().await.unwrap();
    secrets.page(&ada.open_signed_in("http://notes.localhost:8080/").await.unwrap());
    secrets.jar(&ada);
    secrets.add("root-secret-0123456789abcdef");
    secrets.add("wiki-secret-0123456789abcdef");
    secrets
}

/// A credential that opens nothing is a secret too: of another place, or mistyped.
async fn mistyped(ada: &mut Person, secrets: &mut Secrets) {
    let wrong = "dw_a_c29tZWJvZHktdHlwZWQtdGhpcy1vbmNlLW1vcmU";
    secrets.add(wrong);
    for url in ["http://id.localhost:8080/api/oidc/userinfo", "http://notes.localhost:8080/"] {
        let request = Request::program(Method::GET, url).unwrap();
        let request = request.header("authorization", &format!("Bearer {wrong}")).unwrap();
        let request = request.header("cookie", &format!("__Host-doorward={wrong}")).unwrap();
        assert_eq!(ada.client.send(request).await.unwrap().status, 401);
    }
    for path in [format!("/setup/{wrong}"), format!("/enrol/{wrong}")] {
        ada.open(&format!("http://id.localhost:8080{path}")).await.unwrap();
    }
}

async fn tokens(ada: &mut Person, secrets: &mut Secrets) {
    let url = format!(
        "http://id.localhost:8080/authorize?response_type=code&client_id=tool&scope=openid+offline_access\
         &redirect_uri=http%3A%2F%2Ftool.localhost%2Fcallback&state=state-of-tool&nonce=nonce-of-tool\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let stop = |url: &url::Url| url.host_str() == Some("tool.localhost");
    let page = ada.client.navigate_until(&url, stop).await.unwrap();
    secrets.page(&page);
    let back = page.location().unwrap().unwrap_or_else(|| panic!("{} {}", page.status, page.text()));
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://tool.localhost/callback"),
        ("code_verifier", VERIFIER),
        ("client_id", "tool"),
        ("client_secret", "wiki-secret-0123456789abcdef"),
    ];
    let answer = ada.client.post_form("http://id.localhost:8080/api/oidc/token", &fields).await.unwrap();
    let answer = answer.json().unwrap();
    for name in ["access_token", "refresh_token", "id_token"] {
        let token = answer[name].as_str().unwrap_or_else(|| panic!("{name} {answer}"));
        secrets.add(token);
        secrets.add(token.rsplit('.').next().unwrap());
    }
    secrets.add(&code);
    secrets.add(VERIFIER);
    let request = Request::program(Method::GET, "http://id.localhost:8080/api/oidc/userinfo").unwrap();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let page = ada.client.send(request.header("authorization", &bearer).unwrap()).await.unwrap();
    assert_eq!(page.status, 200);
}

async fn is_silent(arguments: &[&str]) {
    let folder = Folder::new();
    let config = folder.config("", CLIENT).display().to_string();
    let mut all = vec!["serve", "--config", &config];
    all.extend(arguments);
    let mut process = Process::start(&all);
    process.until(|process| process.out.contains("/setup/"));
    let secrets = walk(&process, &folder).await;
    assert!(secrets.0.len() > 20, "{:?}", secrets.0);
    process.signal("TERM");
    assert_eq!(process.code(), 0);
    // The log is there: what is not in it is not missing because nothing is.
    assert!(process.err.contains("notes.localhost"), "{}", process.err);
    let token = process.setup_link();
    let token = token.rsplit('/').next().unwrap();
    for secret in &secrets.0 {
        assert!(!process.err.contains(secret), "{secret} is in the log:\n{}", process.err);
        // Standard output has the one link that is meant for the person who started it.
        assert!(secret == token || !process.out.contains(secret), "{secret}: {}", process.out);
    }
    assert_eq!(process.out.matches(token).count(), 1);
}

#[tokio::test]
async fn impossible_12_no_secret_is_in_a_log() {
    is_silent(&["--log", "debug"]).await;
}

#[tokio::test]
async fn impossible_12_no_secret_is_in_a_log_of_json_at_our_finest_level() {
    let finest = "info,doorward=trace,doorward_core=trace,doorward_store=trace,doorward_proxy=trace,doorward_web=trace";
    is_silent(&["--log", finest, "--log-format", "json"]).await;
}

//! What people read when something is wrong at a service: a page with its style, whatever was sent.

use doorward_visitor::Request;

use crate::{
    door::{Door, STANDARD},
    process::free_port,
};

fn declared() -> String {
    let closed = free_port();
    format!(
        "{STANDARD}\n[services.silent]\nupstream = \"http://127.0.0.1:{closed}\"\nposture = \"public\"\n\n\
         [services.small]\nupstream = \"http://UPSTREAM\"\nposture = \"public\"\nlimits = {{ body = \"1KiB\" }}\n\n\
         [services.torn]\nupstream = \"http://UPSTREAM\"\nposture = \"sso\"\npolicy = \"users\"\nbypass = [{{ regexes = [\"(\"], public = true }}]\n\n\
         [services.files]\nstatic = {{ directory = \"DIR\" }}\nposture = \"public\"\n"
    )
}

#[tokio::test]
async fn a_form_that_fails_is_answered_by_a_page_and_a_script_by_json() {
    let door = Door::with(&declared()).await;
    let much = "a".repeat(2000);
    for (host, path, status, part) in [
        ("silent", "/", 502, "does not answer at the moment"),
        ("small", "/", 413, "more than Small takes"),
        ("torn", "/", 503, "This service is closed"),
        ("notes", "/save", 401, "nothing was changed"),
        ("nowhere", "/", 421, "Nobody lives at this address"),
    ] {
        let url = door.url(host, path);
        let form = door.client().send(Request::form(&url, &[("text", &much)]).unwrap()).await.unwrap();
        assert_eq!(form.status, status, "{host}");
        assert!(form.text().contains(part), "{host}: {}", form.text());
        assert_eq!(form.header("content-type"), Some("text/html; charset=utf-8"), "{host}");
        let body = serde_json::json!({ "text": much });
        let script = door.client().send(Request::json(&url, &body).unwrap()).await.unwrap();
        assert_eq!(script.status, status, "{host}");
        let told = script.json().unwrap_or_else(|error| panic!("{host}: {error}"));
        assert!(told["request_id"].is_string() && told["error"].is_string(), "{host}: {told}");
    }
}

/// Browsers keep to every policy that came, so a second one that forbids the style leaves a bare page.
#[tokio::test]
async fn a_page_has_one_policy_and_it_allows_its_style() {
    let door = Door::with(&declared()).await;
    let pages =
        [("silent", "/"), ("torn", "/"), ("files", "/none"), ("nowhere", "/"), ("www", "/.doorward/nothing")];
    for (host, path) in pages {
        let page = door.client().send(Request::navigation(&door.url(host, path)).unwrap()).await.unwrap();
        let policies: Vec<_> = page.headers.get_all("content-security-policy").iter().collect();
        assert_eq!(policies.len(), 1, "{host}{path}: {policies:?}");
        let style = page.text().split("rel=\"stylesheet\" href=\"").nth(1).map(str::to_owned);
        let style = style.unwrap_or_else(|| panic!("{host}{path}: {}", page.text()));
        let from_portal = style.starts_with("http://id.localhost:8080/");
        let allowed = if from_portal { "style-src http://id.localhost:8080;" } else { "style-src 'self';" };
        assert!(policies[0].to_str().unwrap().contains(allowed), "{host}{path}: {policies:?}");
    }
}

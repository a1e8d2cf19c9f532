//! `doorward demo --selftest`: everything that a person does, with a software passkey, against the running server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use doorward_visitor::{Client, Page, Person, Request};
use http::{Method, StatusCode};

use crate::{
    cli, demo,
    exit::{Failure, Stop},
    serve::Shell,
    terminal::{complain, say},
};

/// Another address of this machine: outside the networks for which the demo's bypass is open.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Starts the demo, walks through it and prints each step.
///
/// # Errors
/// [`Stop::SelfTest`] at the first step that does not come out as it must, or what stops the demo from starting.
pub async fn run(options: &cli::Demo, shell: Shell) -> Result<(), Failure> {
    let mut demo = demo::start(options, shell).await?;
    let walked = walk(&demo).await;
    demo.server.shut_down().await;
    match walked {
        Ok(steps) => {
            say(&format!("\nAll {steps} steps came out as they must.\n"));
            Ok(())
        }
        Err(error) => {
            complain(&format!("  \u{2717} {error:#}"));
            Err(Failure::new(Stop::SelfTest, "the self test missed a step; the line above says which"))
        }
    }
}

/// Somebody at the door, and what they need to know.
struct Walk {
    port: u16,
    address: SocketAddr,
    setup_link: String,
    ada: Person,
    bob: Person,
    steps: usize,
}

async fn walk(demo: &demo::Demo) -> Result<usize> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, demo.port));
    let portal = format!("http://id.localhost:{}", demo.port);
    let mut walk = Walk {
        port: demo.port,
        address,
        setup_link: demo.server.setup_link.clone().context("set-up is not open; use a fresh --dir")?,
        ada: Person::new(Client::new(address), &portal)?,
        bob: Person::new(Client::new(address), &portal)?,
        steps: 0,
    };
    walk.at_the_door().await?;
    walk.inside().await?;
    walk.somebody_else().await?;
    walk.outside_again().await?;
    Ok(walk.steps)
}

/// What a step must show, or the sentence about what it showed instead.
fn expect(page: &Page, status: StatusCode) -> Result<()> {
    ensure!(page.status == status, "{} answered {} where {status} was expected", page.url, page.status);
    Ok(())
}

/// The header lines of this name that the demo's application received.
fn received(page: &Page, name: &str) -> Result<Vec<String>> {
    let shown = page.json()?;
    let headers = shown["headers"].as_object().context("the application shows no headers")?;
    let alike = |found: &str| found.replace('_', "-").eq_ignore_ascii_case(name);
    let values = headers.iter().filter(|(found, _)| alike(found)).filter_map(|(_, values)| values.as_array());
    Ok(values.flatten().map(|value| value.as_str().unwrap_or_default().to_owned()).collect())
}

impl Walk {
    fn url(&self, service: &str, path: &str) -> String {
        format!("http://{service}.localhost:{}{path}", self.port)
    }

    fn passed(&mut self, what: &str) {
        self.steps += 1;
        say(&format!("  \u{2713} {what}\n"));
    }

    fn sees_sign_in(page: &Page) -> Result<()> {
        expect(page, StatusCode::OK)?;
        ensure!(page.url.path() == "/login", "{} is shown where the sign-in page was expected", page.url);
        ensure!(page.text().contains("Sign in with a passkey"), "the sign-in page has no button");
        Ok(())
    }

    async fn at_the_door(&mut self) -> Result<()> {
        let wanted = self.url("notes", "/plan?draft=1");
        let page = self.ada.open(&wanted).await.context("anonymous people at a service")?;
        Self::sees_sign_in(&page)?;
        self.passed("nobody is signed in: a browser gets the sign-in page");

        let request = Request::program(Method::GET, &wanted)?;
        let answer = Client::new(self.address).send(request).await?;
        expect(&answer, StatusCode::UNAUTHORIZED)?;
        ensure!(answer.json()?["error"] == "sign_in_required", "a program got something else than JSON");
        self.passed("nobody is signed in: a program gets 401 and JSON, never a page");

        let page = self.ada.open(&self.url("www", "/")).await?;
        expect(&page, StatusCode::OK)?;
        self.passed("the public service is open");

        let (link, wanted) = (self.setup_link.clone(), self.url("notes", "/plan?draft=1"));
        self.ada.set_up(&link, "ada", "Ada Lovelace").await.context("set-up")?;
        self.passed("the set-up link makes the first administrator, with a passkey");

        let page = self.ada.open(&link).await?;
        expect(&page, StatusCode::GONE)?;
        self.passed("the set-up link works once");

        let page = self.ada.open(&wanted).await?;
        expect(&page, StatusCode::OK)?;
        ensure!(page.url.as_str() == wanted, "the wanted page was lost: {}", page.url);
        self.passed("signed in: the service opens at the page that was wanted");
        Ok(())
    }

    async fn inside(&mut self) -> Result<()> {
        let launcher = self.ada.open(&self.url("id", "/")).await?.text();
        for service in &demo::SERVICES {
            ensure!(
                launcher.contains(&self.url(service.name, "/")),
                "the launcher has no tile for {}",
                service.name
            );
        }
        self.passed("the launcher shows every service");

        let page = self.forge("notes").await?;
        for (name, value) in
            [("remote-user", "ada"), ("remote-name", "Ada Lovelace"), ("remote-groups", "admins,users")]
        {
            ensure!(received(&page, name)? == [value], "{name} arrived as {:?}", received(&page, name)?);
        }
        self.passed("identity headers arrive: Remote-User, Remote-Name, Remote-Groups");
        ensure!(received(&page, "remote-email")?.is_empty(), "a forged Remote-Email arrived");
        ensure!(received(&page, "cookie")?.is_empty(), "the session cookie went upstream");
        let page = self.forge("www").await?;
        for name in ["remote-user", "remote-name", "remote-groups", "remote-email"] {
            ensure!(received(&page, name)?.is_empty(), "a forged {name} arrived at the public service");
        }
        self.passed(
            "forged identity headers never arrive, whatever their spelling, at gated and public services",
        );

        self.ada
            .add_passkey_of(&mut doorward_visitor::Authenticator::new())
            .await
            .context("a second passkey")?;
        self.passed("a second passkey can be added");
        Ok(())
    }

    /// Asks a service with identity headers of one's own.
    async fn forge(&mut self, service: &str) -> Result<Page> {
        let mut request = Request::fetch(Method::GET, &self.url(service, "/"))?;
        for name in
            ["Remote-User", "remote_user", "REMOTE-NAME", "Remote-Groups", "Remote_Email", "X-Remote-User"]
        {
            request = request.header(name, "root")?;
        }
        let page = self.ada.client.send(request.header("Connection", "remote-user")?).await?;
        expect(&page, StatusCode::OK)?;
        Ok(page)
    }

    async fn somebody_else(&mut self) -> Result<()> {
        let link = self.add_bob().await.context("adding a person")?;
        self.bob.enrol(&link).await.context("enrolment")?;
        let page = self.bob.open(&self.url("notes", "/")).await?;
        expect(&page, StatusCode::OK)?;
        self.passed("a second person enrols by a link, and opens what `users` may open");

        let page = self.bob.open(&self.url("vault", "/")).await?;
        expect(&page, StatusCode::FORBIDDEN)?;
        for part in ["Vault", "bob", "admins", "Switch account"] {
            ensure!(page.text().contains(part), "the denied page does not say `{part}`");
        }
        self.passed("wrong group: 403, and the page says what is missing");

        let health = self.url("feeds", "/api/health");
        let anonymous = Client::new(self.address);
        let ask = async |client: &Client, method: Method, url: &str| -> Result<StatusCode> {
            Ok(client.clone().send(Request::program(method, url)?).await?.status)
        };
        ensure!(ask(&anonymous, Method::GET, &health).await? == StatusCode::OK, "the open path is closed");
        self.passed("the bypass is open from an allowed network");
        let elsewhere = anonymous.clone().source(ELSEWHERE);
        for (client, method, url) in [
            (&elsewhere, Method::GET, health.clone()),
            (&anonymous, Method::POST, health.clone()),
            (&anonymous, Method::GET, format!("{health}z")),
            (&anonymous, Method::GET, self.url("feeds", "/api")),
            (&anonymous, Method::GET, self.url("feeds", "/")),
        ] {
            let status = ask(client, method.clone(), &url).await?;
            ensure!(status == StatusCode::UNAUTHORIZED, "{method} {url} answered {status} without a session");
        }
        self.passed("the bypass is closed for other networks, methods and paths");
        Ok(())
    }

    /// Adds Bob on the page for people; the link that it shows.
    async fn add_bob(&mut self) -> Result<String> {
        let fields = [("username", "bob"), ("display_name", "Bob"), ("email", ""), ("groups", "users")];
        let page = self.ada.client.post_form(&self.url("id", "/admin/people"), &fields).await?;
        expect(&page, StatusCode::OK)?;
        let text = page.text();
        let start = text.find(&self.url("id", "/enrol/")).context("the page shows no enrolment link")?;
        Ok(text[start..].split(['<', '"', ' ']).next().unwrap_or_default().to_owned())
    }

    async fn outside_again(&mut self) -> Result<()> {
        let kept = self.ada.client.clone();
        self.ada.sign_out().await.context("signing out")?;
        for service in ["notes", "vault", "feeds"] {
            let page = self.ada.open(&self.url(service, "/")).await?;
            Self::sees_sign_in(&page)?;
        }
        self.passed("signed out: every service shows the sign-in page again");

        let mut thief = self.ada.clone();
        thief.client = kept;
        let page = thief.open(&self.url("notes", "/")).await?;
        Self::sees_sign_in(&page)?;
        self.passed("cookies that were kept from before the sign-out open nothing");

        let wanted = self.url("feeds", "/unread");
        let page = self.ada.open_signed_in(&wanted).await.context("signing in again")?;
        expect(&page, StatusCode::OK)?;
        ensure!(page.url.as_str() == wanted, "the wanted page was lost: {}", page.url);
        self.passed("signing in again leads to the page that was wanted");
        Ok(())
    }
}

//! A session for a program that needs only its cookie: `session SETUP_LINK USERNAME SERVICE_URL ADDRESS` makes the first
//! administrator, opens the service at that address, and prints the service's cookie as `name=value`.
#![expect(clippy::print_stdout, reason = "the cookie is its output")]

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use doorward_visitor::{Client, Person};
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [link, username, service, address] = arguments.as_slice() else {
        anyhow::bail!("Usage: session SETUP_LINK USERNAME SERVICE_URL ADDRESS");
    };
    let address: SocketAddr =
        address.parse().with_context(|| format!("{address} is no address with a port."))?;
    let portal = Url::parse(link).with_context(|| format!("{link} is not a link."))?;
    let mut person = Person::new(Client::new(address), &portal.origin().ascii_serialization())?;
    person.set_up(link, username, username).await?;
    let page = person.open_signed_in(service).await?;
    ensure!(page.status.is_success(), "{service} was answered with {}.", page.status);
    let host = Url::parse(service)?;
    let host = host.host_str().context("The service has a host.")?;
    let cookie = person.client.jar.cookies(host).next();
    let cookie = cookie.with_context(|| format!("{host} set no cookie."))?;
    println!("{}={}", cookie.name, cookie.value);
    Ok(())
}

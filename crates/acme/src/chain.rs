//! Which chain is taken where an authority offers several (RFC 8555 section 7.4.2): the same certificate, vouched for by
//! different roots.

use doorward_core::certificate::facts;
use http::{HeaderMap, header};
use instant_acme::Account;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::http::Http;

/// Certificates, leaf first.
type Chain = Vec<Vec<u8>>;

/// Other chains that are looked at at most.
const ALTERNATES: usize = 8;

/// Reads a chain.
pub(crate) fn parse(pem: &[u8]) -> Result<Chain, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| format!("the authority sent no certificate: {error}"))?;
    Ok(chain.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// `first`, or another chain that `preferred` has signed the topmost certificate of. `offered` are the addresses of others.
pub(crate) async fn choose(
    account: &Account,
    http: &Http,
    (first, offered): (Chain, Vec<String>),
    preferred: &str,
) -> Chain {
    if is_issued_by(&first, preferred) {
        return first;
    }
    let mut others = Vec::new();
    for address in offered.into_iter().take(ALTERNATES) {
        // The library has a call for orders and none for other chains. Both are the same signed question (section 6.3),
        // so it asks; what it makes of the answer does not matter, because the client keeps every chain that it sees.
        let _ = account.order(address).await;
        let chain = http.take_chain().and_then(|(pem, _)| parse(&pem).ok());
        // A chain for another key would be of no use.
        let Some(chain) = chain.filter(|chain| chain.first() == first.first()) else { continue };
        if is_issued_by(&chain, preferred) {
            return chain;
        }
        others.push(chain);
    }
    let offered: Vec<String> = std::iter::once(&first).chain(&others).filter_map(issuer).collect();
    tracing::warn!(preferred, ?offered, "no chain of the authority is the preferred one; its first is taken");
    first
}

fn issuer(chain: &Chain) -> Option<String> {
    facts(chain.last()?).ok()?.issuer
}

fn is_issued_by(chain: &Chain, name: &str) -> bool {
    issuer(chain).is_some_and(|issuer| issuer == name)
}

/// The addresses of other chains: `Link: <…>;rel="alternate"` (RFC 8288 section 3).
pub(crate) fn alternates(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(header::LINK).iter().filter_map(|line| line.to_str().ok());
    let links = texts.flat_map(|line| line.split('<').skip(1)).filter_map(|link| link.split_once('>'));
    let is_alternate = |parameters: &str| {
        parameters.split([';', ',']).filter_map(|parameter| parameter.trim().split_once('=')).any(
            |(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split_ascii_whitespace().any(|word| word == "alternate")
            },
        )
    };
    links.filter(|(_, parameters)| is_alternate(parameters)).map(|(address, _)| address.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn alternates_are_read_from_their_links() {
        let mut headers = HeaderMap::new();
        for line in [
            "<https://ca.test/dir>;rel=\"index\"",
            "<https://ca.test/chain/1>;rel=\"alternate\"",
            "<https://ca.test/chain/2> ; title=\"a, b\"; REL=alternate, <https://ca.test/up>;rel=up",
            "<https://ca.test/chain/3>;rel=\"next alternate\"",
            "https://ca.test/none;rel=\"alternate\"",
            "<https://ca.test/none",
        ] {
            headers.append(header::LINK, HeaderValue::from_static(line));
        }
        let found = ["https://ca.test/chain/1", "https://ca.test/chain/2", "https://ca.test/chain/3"];
        assert_eq!(alternates(&headers), found);
    }
}

//! The file as a whole.

use std::{net::SocketAddr, sync::Arc};

use doorward_core::{
    config::{CertificateFiles, Config, Database, Listener, Portal, SessionLifetimes},
    http::{
        headers::ReservedHeaders,
        host::Host,
        origin::{Origin, Scheme},
    },
    route::RouteTable,
    service::Service,
    time::Lifetime,
};

use super::{
    Diagnostic, Severity, Source,
    client::{self, DeclaredClient},
    policy::{self, Policies},
    reader::{Findings, Place, Section, Text},
    service, suggest, tree,
    tree::Node,
    value,
};

/// A configuration without mistakes, its secrets still in their files.
#[derive(Debug)]
pub struct Checked {
    /// The configuration; it has no clients yet.
    pub config: Config,
    /// The clients, with the files of their secrets.
    pub clients: Vec<DeclaredClient>,
    /// What deserves a second look.
    pub warnings: Vec<Diagnostic>,
}

pub(super) fn check(source: &Source) -> Result<Checked, Vec<Diagnostic>> {
    let root = tree::parse(source)?;
    let findings = Findings::default();
    let read = read(source, &root, &findings);
    let found = findings.into_sorted();
    let (mistakes, warnings): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|found| found.severity() == Severity::Error);
    match read {
        Some((config, clients)) if mistakes.is_empty() => Ok(Checked {
            config,
            clients,
            warnings,
        }),
        _ => Err(mistakes),
    }
}

fn read(source: &Source, root: &Node, findings: &Findings) -> Option<(Config, Vec<DeclaredClient>)> {
    let whole = Place {
        key: String::new(),
        span: 0..0,
    };
    let mut section = Section::new(whole, root, findings)?;
    let domain = section.required(
        &["domain"],
        "write the domain that your hosts are below, such as domain = \"example.org\"",
    );
    let domain = domain
        .and_then(|text| value::host(&text, findings))
        .map_or_else(String::new, |host| host.to_string());
    let data_directory = section.text(&["data_directory"]);
    let data_directory =
        data_directory.map_or_else(|| "/var/lib/doorward".into(), |text| value::file(source, &text));
    let root_secret_file = section
        .text(&["root_secret_file"])
        .map(|text| value::file(source, &text));
    if root_secret_file.is_none() {
        findings.add(
            "W103",
            &section.place,
            "the root secret is generated in the data directory",
            "keep it apart from the data it protects: `root_secret_file`",
        );
    }
    let public = public(&mut section, &domain);
    let portal = portal(&mut section, &domain, public);
    let trusted_proxies = trusted_proxies(&mut section);
    let listeners = listeners(&mut section, source);
    check_listeners(&section, &listeners, public.0, trusted_proxies.is_empty());
    let database = database(&mut section, source);
    let policies = policies(&mut section);
    let services = services(&mut section, source, &policies, &domain, portal.as_ref());
    let clients = clients(&mut section, source, &policies);
    section.finish();
    let portal = portal?;
    let injected = services
        .iter()
        .flat_map(|service| &service.identity_headers)
        .map(|header| header.name.as_str());
    let reserved_headers = ReservedHeaders::new(injected);
    let routes = RouteTable::new(&portal.origin, &services);
    let config = Config {
        domain,
        portal,
        listeners,
        data_directory,
        database,
        root_secret_file,
        trusted_proxies,
        policies,
        services,
        clients: Vec::new(),
        routes,
        reserved_headers,
    };
    Some((config, clients))
}

/// A table below the root; an absent one is empty.
fn subsection<'a>(section: &mut Section<'a>, name: &'static str) -> Option<Section<'a>> {
    let (place, node) = section.take(&[name])?;
    Section::new(place, node, section.findings)
}

fn public(section: &mut Section<'_>, domain: &str) -> (Scheme, u16) {
    let Some(mut public) = subsection(section, "public") else {
        return (Scheme::Https, 443);
    };
    let scheme = match public.text(&["scheme"]) {
        None => Scheme::Https,
        Some(Text { text, .. }) if text == "https" => Scheme::Https,
        Some(Text { text, .. }) if text == "http" && is_localhost(domain) => Scheme::Http,
        Some(Text { text, place }) if text == "http" => {
            public.findings.add(
                "E009",
                &place,
                "sessions over clear text can be read by others",
                "use https; http is for domains below localhost only",
            );
            Scheme::Https
        }
        Some(text) => {
            public.findings.add(
                "E005",
                &text.place,
                format!("there is no scheme `{}`", text.text),
                suggest::help(&text.text, &["https", "http"]),
            );
            Scheme::Https
        }
    };
    let port = match public.integer("port") {
        None => scheme.default_port(),
        Some((number, place)) => u16::try_from(number)
            .ok()
            .filter(|port| *port != 0)
            .unwrap_or_else(|| {
                public.findings.add(
                    "E005",
                    &place,
                    format!("{number} is no port"),
                    "write a number from 1 to 65535",
                );
                scheme.default_port()
            }),
    };
    public.finish();
    (scheme, port)
}

fn is_localhost(domain: &str) -> bool {
    domain == "localhost" || domain.ends_with(".localhost")
}

fn portal(section: &mut Section<'_>, domain: &str, (scheme, port): (Scheme, u16)) -> Option<Portal> {
    const DAY: u32 = 86_400;
    let (idle, absolute) = (Lifetime::days(7), Lifetime::days(30));
    let host = Host::parse(&format!("id.{domain}"));
    let Some(mut portal) = subsection(section, "portal") else {
        let host = host.ok()?;
        let sessions = SessionLifetimes { idle, absolute };
        let origin = Origin::new(scheme, &host, port);
        return Some(Portal {
            host,
            origin,
            title: "Doorward".to_owned(),
            related_origins: Vec::new(),
            sessions,
        });
    };
    let named = portal
        .text(&["host", "portalHost"])
        .and_then(|text| value::host(&text, portal.findings));
    let title = portal
        .text(&["title"])
        .map_or_else(|| "Doorward".to_owned(), |text| text.text);
    let related_origins = related_origins(&mut portal);
    let idle = value::lifetime(&mut portal, "session_idle", (60, 365 * DAY), idle);
    let absolute = value::lifetime(&mut portal, "session_absolute", (60, 365 * DAY), absolute);
    portal.finish();
    let host = named.or_else(|| host.ok())?;
    let origin = Origin::new(scheme, &host, port);
    Some(Portal {
        host,
        origin,
        title,
        related_origins,
        sessions: SessionLifetimes { idle, absolute },
    })
}

fn related_origins(portal: &mut Section<'_>) -> Vec<Origin> {
    let texts = portal
        .texts(&["related_origins"])
        .map(|(_, texts)| texts)
        .unwrap_or_default();
    let mut origins = Vec::new();
    for text in texts {
        match Origin::parse(&text.text) {
            Ok(origin) => origins.push(origin),
            Err(problem) => portal.findings.add(
                "E005",
                &text.place,
                format!("`{}`: {problem}", text.text),
                "such as https://login.example.org",
            ),
        }
    }
    origins
}

fn trusted_proxies(section: &mut Section<'_>) -> Vec<ipnet::IpNet> {
    let place = Place {
        key: "trusted_proxies".to_owned(),
        span: section.place.span.clone(),
    };
    let networks = value::networks(section, &["trusted_proxies"]).unwrap_or_default();
    if networks.iter().any(|network| network.prefix_len() == 0) {
        section.findings.add(
            "E009",
            &place,
            "trusting every peer lets anybody choose their address",
            "name the proxies in front of this one",
        );
    }
    networks
}

fn listeners(section: &mut Section<'_>, source: &Source) -> Vec<Listener> {
    let Some((place, node)) = section.take(&["listeners"]) else {
        section.missing(
            "listeners",
            "write where to listen: [[listeners]] with address = \"0.0.0.0:443\"",
        );
        return Vec::new();
    };
    let items = section.items(&place, node).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|(place, item)| listener(Section::new(place, item, section.findings)?, source))
        .collect()
}

fn listener(mut section: Section<'_>, source: &Source) -> Option<Listener> {
    let findings = section.findings;
    let address = section.required(&["address"], "such as address = \"0.0.0.0:443\" or \"[::]:443\"");
    let tls = section.take(&["tls"]).map(|(place, node)| match &node.value {
        tree::Value::Table(_) => vec![(place, node)],
        _ => section.items(&place, node).unwrap_or_default(),
    });
    section.finish();
    let certificates = tls.map(|items| {
        let sections = items
            .into_iter()
            .filter_map(|(place, node)| Section::new(place, node, findings));
        sections
            .filter_map(|section| certificate(section, source))
            .collect()
    });
    let address = address?;
    match address.text.parse::<SocketAddr>() {
        Ok(parsed) => Some(Listener {
            address: parsed,
            tls: certificates,
        }),
        Err(_) => {
            findings.add(
                "E005",
                &address.place,
                format!("`{}` is no address with a port", address.text),
                "such as 0.0.0.0:443 or [::]:443",
            );
            None
        }
    }
}

fn certificate(mut section: Section<'_>, source: &Source) -> Option<CertificateFiles> {
    let certificate = section.required(
        &["certificate_file"],
        "name the PEM file of the chain, leaf first",
    );
    let key = section.required(&["key_file"], "name the PEM file of the private key");
    section.finish();
    Some(CertificateFiles {
        certificate_file: value::file(source, &certificate?),
        key_file: value::file(source, &key?),
    })
}

fn check_listeners(section: &Section<'_>, listeners: &[Listener], scheme: Scheme, nobody_trusted: bool) {
    let clear = listeners.iter().all(|listener| listener.tls.is_none());
    if clear && scheme == Scheme::Https && nobody_trusted {
        let help = "add `tls` to a listener, or name the proxy that does TLS in `trusted_proxies`";
        section.findings.add(
            "W104",
            &section.place,
            "the public scheme is https, but no listener speaks it",
            help,
        );
    }
}

fn database(section: &mut Section<'_>, source: &Source) -> Database {
    let Some(mut database) = subsection(section, "database") else {
        return Database::Sqlite;
    };
    let kind = database.text(&["kind"]);
    let url_file = database.text(&["url_file"]);
    let read = match (kind.as_ref().map(|kind| kind.text.as_str()), url_file) {
        (None | Some("sqlite"), None) => Database::Sqlite,
        (Some("postgres"), Some(file)) => Database::Postgres {
            url_file: value::file(source, &file),
        },
        (Some("postgres"), None) => {
            database.missing("url_file", "name the file that holds the postgres:// URL");
            Database::Sqlite
        }
        (None | Some("sqlite"), Some(file)) => {
            database.findings.add(
                "E008",
                &file.place,
                "`url_file` is for kind = \"postgres\"",
                "remove it, or write the kind",
            );
            Database::Sqlite
        }
        (Some(other), _) => {
            let place = kind.as_ref().map_or(&database.place, |kind| &kind.place);
            database.findings.add(
                "E005",
                place,
                format!("there is no database `{other}`"),
                suggest::help(other, &["sqlite", "postgres"]),
            );
            Database::Sqlite
        }
    };
    database.finish();
    read
}

fn policies(section: &mut Section<'_>) -> Policies {
    let mut policies = policy::built_in();
    if let Some(declared) = subsection(section, "policies") {
        for (place, entry) in declared.all() {
            policy::read(place, entry, section.findings, &mut policies);
        }
    }
    policies
}

fn services(
    section: &mut Section<'_>,
    source: &Source,
    policies: &Policies,
    domain: &str,
    portal: Option<&Portal>,
) -> Vec<Arc<Service>> {
    let findings = section.findings;
    let Some(declared) = subsection(section, "services") else {
        return Vec::new();
    };
    let context = service::Context {
        source,
        findings,
        policies,
        domain,
    };
    let mut taken: Vec<(Host, String)> = portal
        .map(|portal| (portal.host.clone(), "the portal".to_owned()))
        .into_iter()
        .collect();
    let mut services = Vec::new();
    for (place, entry) in declared.all() {
        let Some((service, hosts)) = service::read(&place, entry, &context) else {
            continue;
        };
        for (host, place) in hosts {
            if let Some((_, owner)) = taken.iter().find(|(other, _)| *other == host) {
                findings.add(
                    "E007",
                    &place,
                    format!("{host} belongs to {owner} already"),
                    "give each service a host of its own",
                );
            }
            taken.push((host, format!("services.{}", entry.name)));
        }
        services.push(Arc::new(service));
    }
    services
}

fn clients(section: &mut Section<'_>, source: &Source, policies: &Policies) -> Vec<DeclaredClient> {
    let findings = section.findings;
    let Some(declared) = subsection(section, "clients") else {
        return Vec::new();
    };
    let mut clients: Vec<DeclaredClient> = Vec::new();
    for (place, entry) in declared.all() {
        let Some(client) = client::read(&place, entry, source, findings, policies) else {
            continue;
        };
        let id = &client.client.client_id;
        if !id.is_empty() && clients.iter().any(|other| other.client.client_id == *id) {
            findings.add(
                "E007",
                &place,
                format!("the client identifier `{id}` is used twice"),
                "give each client an identifier of its own",
            );
        }
        clients.push(client);
    }
    clients
}

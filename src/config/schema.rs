//! The file as a whole.

use std::sync::Arc;

use doorward_core::{
    config::{Address, Config, Database, Decisions, Listening, Portal, SessionLifetimes},
    http::{
        headers::ReservedHeaders,
        host::Host,
        origin::{Origin, Scheme},
    },
    route::RouteTable,
    service::Service,
    time::Lifetime,
};
use http::HeaderName;

use super::{
    Diagnostic, Severity, Source, certificates,
    client::{self, DeclaredClient},
    limits, listener,
    policy::{self, Policies},
    reader::{Findings, Place, Section, Text},
    service::{self, Asked, ServiceFile},
    signing_keys, suggest, tree,
    tree::Node,
    tunnel, value,
};

/// How long sessions last unless something else is written.
const SESSIONS: SessionLifetimes = SessionLifetimes { idle: Lifetime::days(7), absolute: Lifetime::days(30) };

/// A configuration without mistakes, its secrets still in their files.
#[derive(Debug)]
pub struct Checked {
    /// The configuration; it has no clients yet.
    pub config: Config,
    /// The clients, with the files of their secrets.
    pub clients: Vec<DeclaredClient>,
    /// The files that single services need.
    pub files: Vec<ServiceFile>,
    /// What deserves a second look, and what closes single services.
    pub warnings: Vec<Diagnostic>,
}

/// What was read, its secrets still in their files.
type Read = (Config, Vec<DeclaredClient>, Vec<ServiceFile>);

pub(super) fn check(source: &Source) -> Result<Checked, Vec<Diagnostic>> {
    let (root, duplicates) = tree::parse(source)?;
    let findings = Findings::from(duplicates);
    let read = read(source, &root, &findings);
    let found = findings.into_sorted();
    let (mistakes, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.severity() == Severity::Error);
    match read {
        Some((config, clients, files)) if mistakes.is_empty() => {
            Ok(Checked { config, clients, files, warnings })
        }
        _ => Err(mistakes),
    }
}

fn read(source: &Source, root: &Node, findings: &Findings) -> Option<Read> {
    let whole = Place { key: String::new(), span: 0..0 };
    let mut section = Section::new(whole, root, findings)?;
    let domain = domain(&mut section);
    let data_directory = section.text(&["data_directory"]);
    let data_directory =
        data_directory.map_or_else(|| "/var/lib/doorward".into(), |text| value::file(source, &text));
    let root_secret_file = section.text(&["root_secret_file"]).map(|text| value::file(source, &text));
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
    let trusted_proxies = value::peers(&mut section, "trusted_proxies").unwrap_or_default();
    let tunnels = tunnel::read(&mut section, &trusted_proxies);
    let listeners = listener::read(&mut section, source, public.0);
    let certificates = certificates::read(&mut section, source, &listeners);
    let nobody_trusted = trusted_proxies.is_empty() && tunnels.peers.is_empty();
    listener::check(&section, &listeners, public.0, nobody_trusted);
    let limits = limits::limits(subsection(&mut section, "limits"));
    let (admin, decisions) = told_to_the_operator(&mut section, source);
    let database = database(&mut section, source);
    let signing_keys = signing_keys::read(subsection(&mut section, "signing_keys"));
    let policies = policies(&mut section);
    let asked = Asked::of(&listeners, &trusted_proxies);
    let hosting = (domain.as_str(), public.0, asked);
    let (services, files) = services(&mut section, source, &policies, hosting, portal.as_ref());
    let clients = clients(&mut section, source, &policies);
    let hosts = portal.iter().map(|portal| &portal.host);
    let hosts = hosts.chain(services.iter().flat_map(|service| &service.hosts));
    certificates::check(&section, &certificates, &listeners, hosts);
    section.finish();
    let portal = portal?;
    let injected = services.iter().flat_map(|service| service.told_names()).map(HeaderName::as_str);
    let reserved_headers = ReservedHeaders::new(injected.chain([tunnels.header.as_str()]));
    let routes = RouteTable::new(&portal.origin, &services);
    let config = Config {
        domain,
        portal,
        listeners,
        certificates,
        data_directory,
        database,
        signing_keys,
        root_secret_file,
        trusted_proxies,
        decisions,
        listening: Listening { tunnels, limits, admin },
        policies,
        services,
        clients: Vec::new(),
        routes,
        reserved_headers,
    };
    Some((config, clients, files))
}

fn told_to_the_operator(section: &mut Section<'_>, source: &Source) -> (Option<Address>, Decisions) {
    let admin = limits::admin(subsection(section, "admin"), source);
    (admin, limits::decisions(subsection(section, "log")))
}

fn domain(section: &mut Section<'_>) -> String {
    let help = "write the domain that your hosts are below, such as domain = \"example.org\"";
    let domain = section.required(&["domain"], help);
    let domain = domain.and_then(|text| value::name(&text, section.findings));
    domain.map_or_else(String::new, |host| host.to_string())
}

/// A table below the root; an absent one is empty.
pub(super) fn subsection<'a>(section: &mut Section<'a>, name: &'static str) -> Option<Section<'a>> {
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
        Some(Text { text, .. }) if text == "http" && value::is_localhost(domain) => Scheme::Http,
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
        Some((number, place)) => u16::try_from(number).ok().filter(|port| *port != 0).unwrap_or_else(|| {
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

fn portal(section: &mut Section<'_>, domain: &str, (scheme, port): (Scheme, u16)) -> Option<Portal> {
    const TITLE: &str = "Doorward";
    let mut portal = subsection(section, "portal");
    let host = identity_host(section, portal.as_mut(), domain, scheme);
    let (title, related_origins, sessions) = match &mut portal {
        None => (None, Vec::new(), SESSIONS),
        Some(portal) => (portal.text(&["title"]), related_origins(portal), sessions(portal)),
    };
    if let Some(portal) = portal {
        portal.finish();
    }
    let host = host?;
    Some(Portal {
        origin: Origin::new(scheme, &host, port),
        host,
        title: title.map_or_else(|| TITLE.to_owned(), |text| text.text),
        related_origins,
        sessions,
    })
}

/// The host that is written down, or `id.` in front of the domain.
fn identity_host(
    section: &Section<'_>,
    portal: Option<&mut Section<'_>>,
    domain: &str,
    scheme: Scheme,
) -> Option<Host> {
    let findings = section.findings;
    let text = portal.and_then(|portal| portal.text(&["host", "portalHost"]));
    if let Some((host, text)) = text.and_then(|text| Some((value::name(&text, findings)?, text))) {
        value::check_scheme(scheme, &host, &text.place, findings);
        return Some(host);
    }
    let host = Host::parse(&format!("id.{domain}")).ok();
    if host.is_none() {
        let message = "the domain is too long for hosts below it";
        findings.add("E005", &section.place_of("domain"), message, "write a shorter one");
    }
    host
}

fn sessions(portal: &mut Section<'_>) -> SessionLifetimes {
    const BOUNDS: (u32, u32) = (60, 365 * 86_400);
    let absolute = value::lifetime(portal, "session_absolute", BOUNDS, SESSIONS.absolute);
    // Who shortens the one has shortened the other.
    let idle = SESSIONS.idle.min(absolute);
    let idle = value::lifetime(portal, "session_idle", BOUNDS, idle);
    if idle > absolute {
        let help = "sessions end after `session_absolute` (30d if not written) however much they are used";
        let message = "`session_idle` is longer than `session_absolute`";
        portal.findings.add("E008", &portal.place_of("session_idle"), message, help);
    }
    SessionLifetimes { idle, absolute }
}

fn related_origins(portal: &mut Section<'_>) -> Vec<Origin> {
    let texts = portal.texts(&["related_origins"]).map(|(_, texts)| texts).unwrap_or_default();
    let mut origins = Vec::new();
    for text in texts {
        match Origin::parse(&text.text) {
            Ok(origin) => {
                value::check_scheme(origin.scheme(), origin.host(), &text.place, portal.findings);
                origins.push(origin);
            }
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

fn database(section: &mut Section<'_>, source: &Source) -> Database {
    let Some(mut database) = subsection(section, "database") else {
        return Database::Sqlite;
    };
    let kind = database.text(&["kind"]);
    let url_file = database.text(&["url_file"]);
    let read = match (kind.as_ref().map(|kind| kind.text.as_str()), url_file) {
        (None | Some("sqlite"), None) => Database::Sqlite,
        (Some("postgres"), Some(file)) => Database::Postgres { url_file: value::file(source, &file) },
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
            policy::read(&place, entry, section.findings, &mut policies);
        }
    }
    policies
}

fn services(
    section: &mut Section<'_>,
    source: &Source,
    policies: &Policies,
    (domain, scheme, asked): (&str, Scheme, Asked),
    portal: Option<&Portal>,
) -> (Vec<Arc<Service>>, Vec<ServiceFile>) {
    let findings = section.findings;
    let Some(declared) = subsection(section, "services") else {
        return (Vec::new(), Vec::new());
    };
    let context = service::Context { source, findings, policies, domain, scheme, asked };
    let mut taken: Vec<(Host, String)> =
        portal.map(|portal| (portal.host.clone(), "the portal".to_owned())).into_iter().collect();
    let (mut services, mut files) = (Vec::new(), Vec::new());
    for (place, entry) in declared.all() {
        let read = service::read(&place, entry, &context);
        for (host, place) in read.hosts {
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
        services.extend(read.service.map(Arc::new));
        files.extend(read.files);
    }
    (services, files)
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

//! A server to test, and the services behind it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use doorward_core::{
    config::{
        Address, Certificates, Config, Database, Decisions, Limits, Listening, Portal, SessionLifetimes,
    },
    http::{
        headers::ReservedHeaders,
        host::Host,
        origin::{Origin, Scheme},
    },
    identity::Property,
    jose::rotation::Schedule,
    policy::{Allow, Guard, Policy, Posture, Quarantine, Scope},
    route::RouteTable,
    service::{Backend, IdentityHeader, Service, Upstream, UpstreamScheme},
    time::Lifetime,
};
use doorward_proxy::{
    Listener, ListenerTls, Server, Settings, Socket, Timeouts, certificates::Challenges, metrics::Exposition,
};
use doorward_testkit::{SeededRandom, TestClock};
use http::Method;

use crate::{
    asserter::Counted,
    control::Control,
    sessions::{Sessions, ada},
    wire::Wire,
};

/// Ada's session token, on the host `notes.test`.
pub(crate) const ADA: &str = "dw_s_ada";

/// A running server.
pub(crate) struct Gate {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) asserter: Arc<Counted>,
    pub(crate) clock: TestClock,
}

/// What a test may want different.
pub(crate) struct Setup {
    pub(crate) trusted: &'static [&'static str],
    pub(crate) timeouts: Timeouts,
    pub(crate) tls: Option<ListenerTls>,
    pub(crate) redirect: bool,
    pub(crate) asks: bool,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) workers: usize,
    pub(crate) tunnels: &'static [&'static str],
    pub(crate) proxy_protocol: &'static [&'static str],
    pub(crate) at: Address,
    pub(crate) limits: Limits,
}

impl Default for Setup {
    fn default() -> Self {
        // What is watched shall be seen to end by the generation alone.
        let timeouts = Timeouts { look_again: Duration::from_hours(1), ..Timeouts::default() };
        Self {
            trusted: &[],
            timeouts,
            tls: None,
            redirect: false,
            asks: false,
            challenges: Arc::default(),
            workers: 1,
            tunnels: &[],
            proxy_protocol: &[],
            at: Address::Tcp("127.0.0.1:0".parse().unwrap()),
            limits: Limits::default(),
        }
    }
}

impl Gate {
    /// A server in front of the usual services, which all lead to `upstream`.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        Self::with(Setup::default(), usual(upstream))
    }

    pub(crate) fn with(setup: Setup, services: Vec<Service>) -> Self {
        let mut config = config(services, setup.trusted);
        config.listening.limits = setup.limits;
        config.listening.tunnels.peers = networks(setup.tunnels);
        let config = Arc::new(ArcSwap::from_pointee(config));
        let sessions = Arc::new(Sessions::new());
        sessions.sign_in(ADA, "notes.test", ada(&["users", "family"]));
        let (asserter, clock) = (Arc::new(Counted::default()), TestClock::default());
        let socket = Socket::bind(&setup.at).unwrap();
        let address = socket.tcp_address().unwrap_or_else(|| "127.0.0.1:9".parse().unwrap());
        let listener = Listener::new(socket, setup.tls).redirecting(setup.redirect).for_questions(setup.asks);
        let listener = listener.behind(&networks(setup.proxy_protocol));
        let server = Server::start(Settings {
            listeners: vec![listener],
            workers: setup.workers,
            config: Arc::clone(&config),
            sessions: sessions.clone(),
            control: Arc::new(Control),
            asserter: asserter.clone(),
            challenges: setup.challenges,
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::default()),
            timeouts: setup.timeouts,
        });
        Self { server: server.unwrap(), address, config, sessions, asserter, clock }
    }

    /// The value of a metric.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let mut text = Exposition::default();
        self.server.metrics().write(&mut text, &self.config.load());
        let text = text.into_text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
    }

    /// Waits until a metric has this value.
    pub(crate) async fn counts(&self, name: &str, value: u64) {
        let reached = async {
            while self.counted(name) != value {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        reached.unwrap_or_else(|_| panic!("{name} is {} and not {value}", self.counted(name)));
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }
}

pub(crate) fn networks(list: &[&str]) -> Vec<ipnet::IpNet> {
    list.iter().map(|network| network.parse().unwrap()).collect()
}

pub(crate) fn config(services: Vec<Service>, trusted: &[&str]) -> Config {
    let services: Vec<Arc<Service>> = services.into_iter().map(Arc::new).collect();
    let host = Host::parse("id.test").unwrap();
    let origin = Origin::new(Scheme::Https, &host, 443);
    let injected: Vec<&str> =
        services.iter().flat_map(|service| service.told_names()).map(http::HeaderName::as_str).collect();
    Config {
        domain: "test".to_owned(),
        listeners: Vec::new(),
        certificates: Certificates::default(),
        data_directory: "data".into(),
        database: Database::Sqlite,
        root_secret_file: None,
        trusted_proxies: networks(trusted),
        decisions: Decisions::default(),
        listening: Listening::default(),
        policies: BTreeMap::new(),
        clients: Vec::new(),
        routes: RouteTable::new(&origin, &services),
        signing_keys: Schedule::default(),
        reserved_headers: ReservedHeaders::new(injected),
        portal: Portal {
            host,
            origin,
            title: "Home".to_owned(),
            related_origins: Vec::new(),
            sessions: SessionLifetimes { idle: Lifetime::hours(1), absolute: Lifetime::hours(2) },
        },
        services,
    }
}

/// notes (users), www (public), feeds (users, one path open to here), far (users, one path open to elsewhere),
/// vault (admins), broken (quarantined).
pub(crate) fn usual(upstream: SocketAddr) -> Vec<Service> {
    let open = |network: &str| Scope {
        networks: Some(vec![network.parse().unwrap()]),
        methods: Some(vec![Method::GET, Method::HEAD]),
        ..Scope::below(["/api/health"])
    };
    let guarded = |name: &str, guard: Guard| Service { guard, ..service(name, upstream) };
    vec![
        service("notes", upstream),
        guarded("www", guard(Posture::Public)),
        guarded("feeds", Guard { bypass: vec![open("127.0.0.1/32")], ..guard(users("users")) }),
        guarded("far", Guard { bypass: vec![open("198.51.100.0/24")], ..guard(users("users")) }),
        guarded("vault", guard(users("admins"))),
        guarded(
            "broken",
            guard(Posture::Quarantined(Quarantine::new(
                "closed_regex",
                "services.broken.bypass[0].regexes[0]",
                "unclosed group",
            ))),
        ),
    ]
}

fn users(group: &str) -> Posture {
    let allow = Allow::AnyOf(vec![group.to_owned()]);
    Posture::Sso(Arc::new(Policy { name: group.to_owned(), allow, networks: None }))
}

pub(crate) fn guard(posture: Posture) -> Guard {
    Guard::new(posture)
}

/// A service for users at `<name>.test`.
pub(crate) fn service(name: &str, upstream: SocketAddr) -> Service {
    let header = |name: &str, property| IdentityHeader { name: name.parse().unwrap(), property };
    let hosts = vec![Host::parse(&format!("{name}.test")).unwrap()];
    let backend = Upstream::new(UpstreamScheme::Http, upstream.ip().to_string(), upstream.port());
    let mut service = Service::new(name, hosts, guard(users("users")), Backend::Upstream(backend));
    service.disclosure.headers = vec![
        header("remote-user", Property::Username),
        header("remote-groups", Property::Groups),
        header("remote-email", Property::Email),
        header("grafana_login", Property::Subject),
    ];
    service
}

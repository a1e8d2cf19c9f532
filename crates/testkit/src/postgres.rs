//! A PostgreSQL server for the tests of this process, with a database per test.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The URL of a server to use instead of starting one. Its user must be allowed to create databases.
const VARIABLE: &str = "DOORWARD_TEST_POSTGRES";

/// Makes a cluster in `$2` or a new directory, serves it on a socket there, prints the directory, and takes the server
/// down when standard input ends: that is when the tests' process is gone, however it went.
const SERVE: &str = r#"
set -u
trap '' INT TERM HUP
directory=$(mktemp -d "$2/doorward-postgres-XXXXXX") || exit 1
log=$directory/log
fail() { cat "$log" >&2; rm -rf "$directory"; exit 1; }
"$1/initdb" -D "$directory/data" -U doorward -A trust -E UTF8 --locale=C -N >"$log" 2>&1 || fail
"$1/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c fsync=off -c max_connections=400 \
    >>"$log" 2>&1 </dev/null &
server=$!
until "$1/pg_isready" -q -h "$directory" -U doorward -d postgres; do
    kill -0 $server 2>/dev/null || fail
    sleep 0.1
done
echo "$directory"
exec >/dev/null
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$directory"
"#;

/// Why there is no database to test with.
#[derive(Clone, Debug)]
pub struct PostgresError(String);

impl fmt::Display for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}. Install PostgreSQL 15 or later, or set {VARIABLE} to the URL of a server",
            self.0
        )
    }
}

impl std::error::Error for PostgresError {}

/// A fresh database that is removed when dropped.
#[derive(Debug)]
pub struct PostgresDatabase {
    name: String,
    server: &'static Server,
}

impl PostgresDatabase {
    /// Creates one, on the server of `DOORWARD_TEST_POSTGRES` or else on one that is started for this process.
    pub fn new() -> Result<Self, PostgresError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let server = server()?;
        let name = format!("doorward_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        server.run(&format!("CREATE DATABASE {name}"))?;
        Ok(Self { name, server })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        with_database(&self.server.url, &self.name)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        // A leftover database harms nothing, and a destructor has nobody to tell.
        let _ = self.server.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

#[derive(Debug)]
struct Server {
    url: String,
    psql: PathBuf,
    /// While it is open the server lives.
    _alive: Option<(Child, ChildStdin)>,
}

impl Server {
    fn run(&self, sql: &str) -> Result<(), PostgresError> {
        let psql = Command::new(&self.psql)
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", sql])
            .output();
        let output =
            psql.map_err(|error| PostgresError(format!("{} did not start: {error}", self.psql.display())))?;
        let said =
            || PostgresError(format!("`{sql}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        if output.status.success() { Ok(()) } else { Err(said()) }
    }
}

fn server() -> Result<&'static Server, PostgresError> {
    static SERVER: OnceLock<Result<Server, PostgresError>> = OnceLock::new();
    SERVER.get_or_init(find_or_start).as_ref().map_err(Clone::clone)
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration file to name the server in")]
fn find_or_start() -> Result<Server, PostgresError> {
    let programs = programs();
    if let Ok(url) = std::env::var(VARIABLE) {
        let psql = programs.map_or_else(|| PathBuf::from("psql"), |programs| programs.join("psql"));
        return Ok(Server { url, psql, _alive: None });
    }
    let missing = || PostgresError("PostgreSQL's programs `initdb` and `postgres` were not found".to_owned());
    start(&programs.ok_or_else(missing)?)
}

/// The directory that holds the server's programs.
fn programs() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let complete =
        |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    told.into_iter().chain(debian.into_iter().rev()).find(complete)
}

fn start(programs: &std::path::Path) -> Result<Server, PostgresError> {
    let failed = |what: String| PostgresError(format!("PostgreSQL did not start: {what}"));
    // The server refuses to run as root; Debian's package has a user for it.
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    // The directory must be short: a socket's path has 107 bytes at most.
    command.args(["-c", SERVE, "sh"]).arg(programs).arg("/tmp").current_dir("/");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(alive), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("no pipes to it".to_owned()));
    };
    let mut directory = String::new();
    BufReader::new(output).read_line(&mut directory).map_err(|error| failed(error.to_string()))?;
    if directory.trim().is_empty() {
        return Err(failed("see its log above".to_owned()));
    }
    let socket = directory.trim().replace('/', "%2F");
    Ok(Server {
        url: format!("postgresql://doorward@{socket}/postgres"),
        psql: programs.join("psql"),
        _alive: Some((child, alive)),
    })
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// `url` with another database's name in its path.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let authority = base.find("://").map_or(0, |at| at + 3);
    let server = base[authority..].find('/').map_or(base, |at| &base[..authority + at]);
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(with_database("postgresql://a:b@c:1/old?x=/y", "new"), "postgresql://a:b@c:1/new?x=/y");
        assert_eq!(with_database("postgresql://a@%2Frun", "new"), "postgresql://a@%2Frun/new");
    }
}

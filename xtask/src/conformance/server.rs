//! The real program with a TLS listener, in front of a small application.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    thread,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    command::{command, run_logged},
    place,
};

/// A running server, ended when dropped.
pub(super) struct Server {
    child: Child,
    /// Where it listens. `localhost` is a public service, `sockets.localhost` another one.
    pub(super) port: u16,
    /// Where the application of `sockets.localhost` shall listen.
    pub(super) sockets: u16,
}

impl Server {
    pub(super) fn start() -> Result<Self> {
        let directory = place::scratch("conformance")?;
        let _ = fs::remove_dir_all(directory.join("state"));
        let subject = "subjectAltName=DNS:localhost,DNS:id.localhost,DNS:sockets.localhost";
        let mut request =
            command("openssl", &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        request.args(["-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext", subject, "-keyout"]);
        run_logged(
            "certificate",
            request.arg(directory.join("key.pem")).arg("-out").arg(directory.join("cert.pem")),
        )?;
        let (port, sockets) = (free_port()?, free_port()?);
        let application = application()?;
        let config = format!(
            "domain = \"localhost\"\ndata_directory = \"state\"\nroot_secret_file = \"root\"\n\
             [[listeners]]\naddress = \"127.0.0.1:{port}\"\n\
             tls = {{ certificate_file = \"cert.pem\", key_file = \"key.pem\" }}\n\
             [services.open]\nhost = \"localhost\"\nupstream = \"http://127.0.0.1:{application}\"\nposture = \"public\"\n\
             [services.sockets]\nupstream = \"http://127.0.0.1:{sockets}\"\nposture = \"public\"\n"
        );
        fs::write(directory.join("root"), "a-root-secret-for-conformance-0123456789")?;
        fs::write(directory.join("doorward.toml"), config)?;
        let program = place::target()?.join("debug/doorward");
        let mut serve = command(program, &["serve", "--log", "error", "--config"]);
        let child =
            serve.arg(directory.join("doorward.toml")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.context("doorward does not start")?;
        let output = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let said = lines.by_ref().map_while(Result::ok).any(|line| line.contains("https://id.localhost"));
        // What it says later is read, so that it never waits for us.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let server = Self { child, port, sockets };
        ensure!(said, "doorward ended before it served");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is the child of the program that limits its time, which passes the signal on.
        let _ = command("kill", &["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// An application that reads a request to its end and answers with a little text.
fn application() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(port)
}

fn serve(stream: TcpStream) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut chunked) = (0, false);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            let lower = line.trim_end().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
            chunked |= lower == "transfer-encoding: chunked";
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
        while chunked {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            let size = u64::from_str_radix(line.trim_end(), 16).ok()?;
            std::io::copy(&mut reader.by_ref().take(size + 2), &mut std::io::sink()).ok()?;
            chunked = size > 0;
        }
        writer
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n")
            .ok()?;
        writer.write_all(&[b'.'; 64]).ok()?;
    }
}

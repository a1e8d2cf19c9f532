//! The real binary under a service manager: sockets that are passed in, and what it tells about itself.

use std::{
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    process::{Folder, Process},
    wire::{self, head},
};

/// A configuration whose only listener is systemd's.
fn activated(folder: &Folder, more: &str) -> String {
    let file = folder.config("", more);
    let text = std::fs::read_to_string(&file).unwrap();
    let own = format!("address = \"127.0.0.1:{}\"", folder.port);
    std::fs::write(&file, text.replace(&own, "address = \"systemd:web\"")).unwrap();
    file.display().to_string()
}

/// The server with `socket` as systemd passes it: the first descriptor after the three, with a name.
fn with_socket(config: &str, socket: OwnedFd, name: &str) -> Command {
    let mut command = Command::new("sh");
    let serve = format!("exec {} serve --config {config}", env!("CARGO_BIN_EXE_doorward"));
    let script = format!(
        "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES={name}; export LISTEN_FDS LISTEN_PID LISTEN_FDNAMES; {serve}"
    );
    command.args(["-c", &script]).stdin(Stdio::from(socket));
    command
}

#[tokio::test]
async fn a_socket_of_systemd_is_served_and_survives_a_restart() {
    let folder = Folder::new();
    let config = activated(&folder, "");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Who comes before anybody serves waits, and is served.
    let mut early = wire::Wire::to(address).await;
    early.send(head("GET", "/", "notes.localhost", "")).await;
    for _ in 0..2 {
        let passed = OwnedFd::from(socket.try_clone().unwrap());
        let mut process = Process::of(with_socket(&config, passed, "web"));
        process.until(|process| process.out.contains("http://id.localhost"));
        assert_eq!(wire::ask(address, head("GET", "/", "notes.localhost", "")).await.unwrap().status, 401);
        process.signal("TERM");
        assert_eq!(process.code(), 0, "{}", process.err);
    }
    assert_eq!(early.reply().await.unwrap().status, 401);
}

#[test]
fn a_socket_that_was_not_passed_is_explained() {
    let folder = Folder::new();
    let config = activated(&folder, "");
    let socket = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let mut process = Process::of(with_socket(&config, socket(), "other"));
    assert_eq!(process.code(), 3);
    assert!(process.err.contains("systemd passed no socket with FileDescriptorName=web"), "{}", process.err);
    // A descriptor that is no socket at all.
    let file = OwnedFd::from(std::fs::File::open(&config).unwrap());
    let mut process = Process::of(with_socket(&config, file, "web"));
    assert_eq!(process.code(), 3);
    assert!(process.err.contains("a socket that systemd passed can't be used"), "{}", process.err);
}

#[test]
fn a_unix_socket_of_systemd_is_one_too() {
    let folder = Folder::new();
    let config = activated(&folder, "");
    let path = folder.scratch.path().join("web.sock");
    let socket = OwnedFd::from(UnixListener::bind(&path).unwrap());
    let mut process = Process::of(with_socket(&config, socket, "web"));
    process.until(|process| process.out.contains("http://id.localhost"));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"GET / HTTP/1.1\r\nHost: notes.localhost\r\nConnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn the_service_manager_is_told_what_happens() {
    let folder = Folder::new();
    let config = folder.config("", "").display().to_string();
    let path = folder.scratch.path().join("notify.sock");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let next = || {
        let mut message = [0; 1024];
        let length = told.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(["serve", "--config", &config]).env("NOTIFY_SOCKET", &path).stdin(Stdio::null());
    let mut process = Process::of(command);
    let ready = next();
    assert!(ready.starts_with("READY=1\n") && ready.contains("STATUS=serving 2 services"), "{ready}");
    process.signal("HUP");
    let reloading = next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(next().starts_with("READY=1\n"));
    process.signal("USR2");
    // The successor is ready before it is the main process: systemd drops what it says until then.
    let mut said = vec![next(), next()];
    said.sort();
    assert!(said[0].starts_with("MAINPID=") && said[0].contains("READY=1"), "{said:?}");
    let pid = said[0].lines().next().unwrap().trim_start_matches("MAINPID=").to_owned();
    let terminate = || Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(terminate().success());
    assert!(next().starts_with("STOPPING=1\n"));
    assert_eq!(process.code(), 0, "{}", process.err);
}

#[test]
fn taking_over_from_nobody_is_explained() {
    let folder = Folder::new();
    let config = folder.config("", "").display().to_string();
    let mut process = Process::start(&["serve", "--config", &config, "--take-over"]);
    assert_eq!(process.code(), 3);
    assert!(
        process.err.contains("nothing can be taken over") && process.err.contains("SIGUSR2"),
        "{}",
        process.err
    );
}

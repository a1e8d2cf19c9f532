//! Applications behind https with a certificate of their own making.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::{House, Received, UPGRADE};
use crate::wire::{Wire, head};

/// It keeps what reaches it, redirects to its own address, and echoes on WebSockets.
pub(super) struct Secure {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    pub(super) fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["controller.invalid".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, kept) = (Arc::clone(&config), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream.unwrap(), config, &kept, address));
            }
        });
        Self { address, requests }
    }

    fn received(&self) -> Received {
        Received(self.requests.lock().unwrap().pop().unwrap())
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    kept: &Mutex<Vec<String>>,
    own: SocketAddr,
) -> Option<()> {
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte).ok()?;
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).unwrap();
        let socket = request.to_ascii_lowercase().contains("\r\nupgrade: websocket");
        kept.lock().unwrap().push(request);
        if !socket {
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: https://{own}/login?next=%2F\r\nContent-Length: 0\r\n\r\n"
            );
            tls.write_all(answer.as_bytes()).ok()?;
            continue;
        }
        tls.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .ok()?;
        loop {
            let mut bytes = [0; 64];
            let count = tls.read(&mut bytes).ok().filter(|count| *count > 0)?;
            tls.write_all(&bytes[..count]).ok()?;
        }
    }
}

/// A controller that insists on its own name.
#[tokio::test]
async fn a_controller_sees_its_own_name() {
    let house = House::new().await;
    let reply = house.get("controller", "/manage?x=1", "").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("http://controller.localhost:8080/login?next=%2F"));
    let request = house.secure.received();
    assert_eq!(request.target(), "/manage?x=1");
    assert_eq!(request.header("host"), Some(&*house.secure.address.to_string()));
    assert_eq!(request.header("x-forwarded-host"), Some("controller.localhost:8080"));
}

/// Wireless: its shield compares `Origin` with `Host`, so both must be the public ones, on sockets too.
#[tokio::test]
async fn a_shield_of_the_application_sees_the_public_host() {
    let house = House::new().await;
    let origin = "Origin: http://wireless.localhost:8080\r\n";
    assert_eq!(house.get("wireless", "/api/login", origin).await.status, 302);
    let request = house.secure.received();
    assert_eq!(request.header("host"), Some("wireless.localhost:8080"));
    assert_eq!(request.header("origin"), Some("http://wireless.localhost:8080"));
    let mut socket = Wire::to(house.door.address()).await;
    socket
        .send(head("GET", "/wss/s/default/events", "wireless.localhost:8080", &format!("{UPGRADE}{origin}")))
        .await;
    assert_eq!(socket.reply_head().await.unwrap().status, 101);
    assert_eq!(house.secure.received().header("host"), Some("wireless.localhost:8080"));
    socket.send("ping").await;
    assert_eq!(socket.take(4).await.as_deref(), Some(&b"ping"[..]));
}

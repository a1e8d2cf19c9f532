//! The data plane: connections, the ordered checks of one request, forwarding, WebSockets and streams.
//!
//! **Invariant:** this crate sees neither the store nor any key. It asks through two ports, [`session::SessionSource`]
//! and [`control::ControlPlane`]. Nothing is forwarded without a `Permit`, which only `core::policy` makes.

mod access_log;
mod body;
pub mod certificates;
mod connection;
pub mod control;
mod credentials;
mod disclose;
mod forward;
mod redirect;
mod server;
mod service;
pub mod session;
mod timeouts;
pub mod tls;
mod upgrade;
mod upstream;
mod watch;
mod worker;

pub use server::{BindError, Listener, ListenerTls, Server, Settings};
pub use timeouts::Timeouts;

//! The data plane: connections, the ordered checks of one request, forwarding, WebSockets and streams.
//!
//! **Invariant:** this crate sees neither the store nor any key. It asks through ports: [`session::SessionSource`],
//! [`control::ControlPlane`], [`assertion::Asserter`]. Nothing is forwarded without a `Permit`, which only `core::policy` makes.

mod access_log;
pub mod assertion;
mod body;
pub mod certificates;
mod compress;
mod connection;
mod connections;
pub mod control;
mod copy;
mod credentials;
mod disclose;
mod forward;
mod forward_auth;
mod frames;
mod listener;
pub mod memory;
pub mod metrics;
mod redirect;
mod server;
mod service;
pub mod session;
mod static_site;
mod stream;
mod streams;
mod timeouts;
pub mod tls;
mod upgrade;
mod upstream;
pub mod upstream_tls;
mod vanished;
mod watch;
mod worker;

pub use listener::{Accepting, BindError, Listener, ListenerTls, Socket};
pub use server::{Server, Settings};
pub use stream::Stream;
pub use timeouts::Timeouts;

//! The data plane through real sockets: a client on one side, an upstream on the other, and in between the server
//! with sessions and a control plane of the test's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod address;
mod asserter;
mod cancel;
mod certificates;
mod control;
mod cookies;
mod disclosure;
mod early;
mod floods;
mod forward_auth;
mod forwarding;
mod framing;
mod grpc;
mod harness;
mod http2;
mod identity;
mod lies;
mod lifecycle;
mod listening;
mod live;
mod log;
mod metrics;
mod postures;
mod relay;
mod routing;
mod sessions;
mod smuggling;
mod stalled;
mod static_site;
mod streaming;
mod targets;
mod tls;
mod tokens;
mod upstream;
mod vouching;
mod websocket;
mod wire;

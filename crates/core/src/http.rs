//! Reading requests so that we judge the bytes we send.

pub mod context;
pub mod cookie;
pub mod fetch;
pub mod forward_auth;
pub mod forwarded;
pub mod framing;
pub mod headers;
pub mod host;
pub mod origin;
pub mod path;
pub mod return_path;
pub mod target;

//! Paths that are open without a session.

use std::net::IpAddr;

use ::http::Method;
use ipnet::IpNet;

use super::{Access, within};
use crate::http::path;

/// A rule that opens paths without a session: paths AND networks AND methods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bypass {
    /// Path prefixes, matched at segment boundaries: `/api` opens `/api` and `/api/x`, not `/apis`.
    pub paths: Vec<String>,
    /// Networks to come from; `None` only where the declaration says `public = true`.
    pub networks: Option<Vec<IpNet>>,
    /// Methods; `None` for all.
    pub methods: Option<Vec<Method>>,
}

impl Bypass {
    /// Whether the rule opens this request.
    pub fn opens(&self, access: &Access<'_>) -> bool {
        let network = |client: IpAddr| within(self.networks.as_deref(), client);
        let method = |method: &Method| self.methods.as_ref().is_none_or(|methods| methods.contains(method));
        network(access.client)
            && method(access.method)
            && self.paths.iter().any(|prefix| path::has_segment_prefix(access.path, prefix))
    }
}

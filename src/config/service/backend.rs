//! What answers a permitted request.

use doorward_core::service::Backend;

use super::{Context, closing::Closing, redirect, upstream};
use crate::config::reader::Section;

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Backend> {
    let redirect = redirect::read(section, context);
    if section.says("posture", "forward-auth") {
        return Some(elsewhere(section, context));
    }
    if redirect::is_meant(section) {
        return redirect.map(Backend::Redirect);
    }
    upstream::read(section, context, closing).map(Backend::Upstream)
}

/// Another proxy forwards. Without one that is trusted, nobody could ever ask, and somebody would believe in a gate that
/// is not there.
fn elsewhere(section: &mut Section<'_>, context: &Context<'_>) -> Backend {
    for key in ["upstream", "upstreams", "upstream_host", "upstream_ca_file", "health", "danger"] {
        if section.take(&[key]).is_some() {
            let message = format!("`{key}` has no effect with the posture `forward-auth`");
            let help = "the proxy that asks forwards by itself: remove it, or write posture = \"sso\"";
            section.findings.add("E008", &section.place_of(key), message, help);
        }
    }
    if !context.proxies {
        let help = "name the proxy that asks, at the top: trusted_proxies = [\"127.0.0.1/32\"]";
        let message = "no proxy may ask about this service: there are no `trusted_proxies`";
        section.findings.add("E004", &section.place_of("posture"), message, help);
    }
    Backend::Elsewhere
}

//! Where a service leads that has no application of its own.

use doorward_core::{http::origin::Origin, service::Redirect};

use super::Context;
use crate::config::reader::Section;

/// Whether this service only leads elsewhere.
pub(super) fn is_meant(section: &Section<'_>) -> bool {
    section.says("posture", "redirect")
}

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Option<Redirect> {
    let findings = context.findings;
    let to = section.text(&["redirect_to"]);
    let permanent = section.boolean("permanent", false);
    if !is_meant(section) {
        for key in ["redirect_to", "permanent"].into_iter().filter(|key| !section.lacks(&[*key])) {
            let message = format!("`{key}` has an effect with the posture `redirect` only");
            findings.add(
                "E008",
                &section.place_of(key),
                message,
                "remove it, or write posture = \"redirect\"",
            );
        }
        return None;
    }
    let Some(to) = to else {
        if section.lacks(&["redirect_to"]) {
            section.missing(
                "redirect_to",
                "write where people are sent, such as redirect_to = \"https://example.org\"",
            );
        }
        return None;
    };
    match Origin::parse(&to.text) {
        Ok(origin) => Some(Redirect { to: origin, permanent }),
        Err(problem) => {
            let help = "write an origin such as https://example.org; path and query are kept";
            findings.add("E005", &to.place, format!("`{}`: {problem}", to.text), help);
            None
        }
    }
}

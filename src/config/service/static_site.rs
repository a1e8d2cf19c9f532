//! Sites of files.

use std::path::PathBuf;

use doorward_core::service::{StaticSite, Upstream, static_site::CacheRule};

use super::{Context, closing::Closing, scope, upstream::target};
use crate::config::{
    reader::{Findings, Section, Text},
    value,
};

/// Reads `static`, if it is there.
pub(super) fn read(
    section: &mut Section<'_>,
    context: &Context<'_>,
    closing: &Closing,
) -> Option<StaticSite> {
    let (place, node) = section.take(&["static"])?;
    let mut section = Section::new(place, node, section.findings)?;
    let findings = section.findings;
    let help = "write where the files are, such as directory = \"/srv/site\"";
    let directory = section.required(&["directory"], help).map(|text| {
        let directory = value::file(context.source, &text);
        let checked = directory.clone();
        closing.read_later(text.place, "closed_static_directory", move |_| {
            let there = std::fs::read_dir(&checked);
            there.map(drop).map_err(|error| format!("{} can't be read: {error}", checked.display()))
        });
        directory
    });
    let index = section.text(&["index"]).and_then(|text| file_name(&text, findings));
    let fallback = section.text(&["fallback"]).and_then(|text| file_name(&text, findings));
    let cache = cache(&mut section, closing);
    let precompressed = section.boolean("precompressed", false);
    let api = api(&mut section);
    section.finish();
    let mut site = StaticSite::new(directory?);
    site.index = index.unwrap_or(site.index);
    site.fallback = fallback.map(PathBuf::from);
    site.cache = cache;
    site.precompressed = precompressed;
    site.api = api;
    Some(site)
}

/// The name of a file of the directory itself.
fn file_name(text: &Text, findings: &Findings) -> Option<String> {
    let name = text.text.as_str();
    if !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']) {
        return Some(name.to_owned());
    }
    let message = format!("`{name}` is no name of a file in the directory");
    findings.add("E005", &text.place, message, "write the bare name, such as index.html");
    None
}

fn cache(section: &mut Section<'_>, closing: &Closing) -> Vec<CacheRule> {
    let rules = section.tables(&["cache"]).into_iter().filter_map(|mut section| {
        let paths = scope::paths(&mut section, (&["paths"], &["regexes"]), closing);
        if paths.is_none() && section.lacks(&["paths", "regexes"]) {
            section.missing("paths", "write which files, such as paths = [\"/assets\"]");
        }
        if section.lacks(&["max_age"]) {
            section.missing("max_age", "write how long they may be kept, such as max_age = \"30d\"");
        }
        let max_age = value::duration(&mut section, "max_age", (1, 366 * 86_400));
        let immutable = section.boolean("immutable", false);
        section.finish();
        let max_age = u32::try_from(max_age?.as_secs()).ok()?;
        Some(CacheRule { paths: paths?, max_age, immutable })
    });
    rules.collect()
}

fn api(section: &mut Section<'_>) -> Vec<(String, Upstream)> {
    let apis = section.tables(&["api"]).into_iter().filter_map(|mut section| {
        let findings = section.findings;
        let prefix = section.required(&["prefix"], "write which paths, such as prefix = \"/api\"");
        let help = "write where they go, such as upstream = \"http://127.0.0.1:3000\"";
        let upstream = section.required(&["upstream"], help);
        let prefix = prefix.and_then(|text| scope::prefix(text, &section));
        section.finish();
        let target = upstream.and_then(|text| target::read(&text, findings));
        Some((prefix?, Upstream::of(vec![target?])))
    });
    apis.collect()
}

//! `claims` of a client: what it is told in words of its own.

use doorward_core::oidc::claim_rule::{ClaimRule, SOURCES, Source};

use crate::config::{reader::Section, suggest};

pub(super) fn read(section: &mut Section<'_>) -> Vec<ClaimRule> {
    section.tables(&["claims"]).into_iter().filter_map(rule).collect()
}

fn rule(mut table: Section<'_>) -> Option<ClaimRule> {
    let name = table.required(&["name"], "write the name of the claim that the application reads");
    let within = table.text(&["within"]).map(|text| text.text);
    let source = source(&mut table);
    let rule = name.zip(source).and_then(|(name, source)| {
        let rule = ClaimRule::new(&name.text, within.as_deref(), source).ok();
        if rule.is_none() {
            table.findings.add(
                "E009",
                &name.place,
                "a rule can't write this claim: it says whom a token is about or what it proves, or has no name",
                "choose another name",
            );
        }
        rule
    });
    table.finish();
    rule
}

fn source(table: &mut Section<'_>) -> Option<Source> {
    let (from, value) = (table.text(&["from"]), table.text(&["value"]));
    let prefix = table.text(&["prefix"]);
    let groups = table.texts(&["groups"]);
    let chosen = groups.map(|(place, texts)| (place, texts.into_iter().map(|text| text.text).collect()));
    match (from, value) {
        (Some(from), None) => {
            let Some(name) = SOURCES.into_iter().find(|name| *name == from.text) else {
                let message = format!("a claim can't be made from `{}`", from.text);
                table.findings.add("E005", &from.place, message, suggest::help(&from.text, &SOURCES));
                return None;
            };
            if let Some((place, _)) = chosen.as_ref().filter(|_| name != "groups") {
                table.findings.add("E008", place, "`groups` chooses among groups", "write from = \"groups\"");
            }
            let prefix = prefix.map_or_else(String::new, |text| text.text);
            Some(Source::Claim { name, prefix, groups: chosen.map(|(_, groups)| groups) })
        }
        (None, Some(value)) => {
            let beside = prefix.map(|text| text.place).or(chosen.map(|(place, _): (_, Vec<String>)| place));
            if let Some(place) = beside {
                table.findings.add("E008", &place, "`value` is the whole value", "remove one of them");
            }
            Some(Source::Constant(value.text))
        }
        (Some(_), Some(value)) => {
            table.findings.add("E008", &value.place, "`value` beside `from`", "remove one of them");
            None
        }
        (None, None) => {
            if table.lacks(&["from", "value"]) {
                table.missing("from", "write from = \"groups\", or value with the same text for everybody");
            }
            None
        }
    }
}

//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write as _;

/// A text that is being written: families, each with its samples.
#[derive(Default, Debug)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family. `kind` is `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.write("", labels, value);
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{name}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A family of one sample that only rises.
    pub fn counter(&mut self, name: &'static str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "counter", help);
        self.sample(&[], value);
    }

    /// A family of one sample that rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(&[], value);
    }

    /// The samples of a histogram: upper bounds in microseconds, a count for each class and one for the rest.
    pub(super) fn histogram(&mut self, bounds: &[u64], classes: &[u64], nanoseconds: u64) {
        let mut sum = 0;
        for (bound, count) in bounds.iter().zip(classes) {
            sum += count;
            self.write("_bucket", &[("le", &seconds(*bound * 1000))], sum);
        }
        let all: u64 = classes.iter().sum();
        self.write("_bucket", &[("le", "+Inf")], all);
        self.write("_sum", &[], seconds(nanoseconds));
        self.write("_count", &[], all);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Nanoseconds as seconds, without a float's rounding.
fn seconds(nanoseconds: u64) -> String {
    let text = format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

//! What a site does for one host: branches of requests, each with what it demands and what answers.

use super::{
    matcher::{self, Match, Named},
    parse::Directive,
    proxying::{self, Content, Edits, Remark},
};

/// How deep handles may be.
const DEPTH_MAX: usize = 16;

/// What is demanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// A policy of the `security` block.
    Policy(String),
    /// Names and passwords.
    Basic,
    /// Another server is asked, and these headers are copied.
    Asked,
}

/// Requests, what is demanded of them, and what answers.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) on: Match,
    pub(super) gates: Vec<(Match, Gate)>,
    pub(super) content: Content,
    pub(super) line: usize,
}

/// What a site is for one host.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) branches: Vec<Branch>,
    pub(super) remarks: Vec<Remark>,
    pub(super) edits: Edits,
    pub(super) lines: Vec<String>,
    /// Where files are, and what answers for those that are missing.
    root: Option<String>,
    fallback: Option<String>,
}

impl Reading {
    /// The file that answers for pages that are not there.
    pub(super) fn fallback(&self) -> Option<String> {
        self.fallback.clone()
    }
}

/// What is passed down to the blocks inside.
#[derive(Clone)]
struct Around {
    named: Named,
    on: Match,
    gates: Vec<(Match, Gate)>,
    depth: usize,
}

/// Reads a body for one host.
pub(super) fn read(body: &[Directive], host: &str) -> Reading {
    let mut reading = Reading::default();
    let around = Around { named: Named::new(), on: Match::Always, gates: Vec::new(), depth: 0 };
    Reader { host }.level(body, &around, &mut reading);
    reading
}

struct Reader<'a> {
    host: &'a str,
}

/// Directives that decide neither who gets in nor what answers.
const LEFT_OUT: [&str; 10] = [
    "bind",
    "fs",
    "handle_errors",
    "log",
    "log_append",
    "log_name",
    "log_skip",
    "metrics",
    "push",
    "tracing",
];

impl Reader<'_> {
    fn level(&self, body: &[Directive], around: &Around, reading: &mut Reading) {
        let mut around = around.clone();
        around.named = matcher::named(body, &around.named);
        // A gate counts for the whole block, wherever it stands in it.
        for directive in body {
            let Some(gate) = gate(directive) else { continue };
            let (on, _) = matcher::of(directive, &around.named);
            match on.at(self.host) {
                Match::Never => {}
                on => around.gates.push((on, gate)),
            }
        }
        // Of several `handle`, the first that fits is the only one; those without a matcher are asked last.
        let mut sorted: Vec<&Directive> = body.iter().collect();
        sorted.sort_by_key(|one| one.name == "handle" && one.arguments.is_empty());
        let mut handled = false;
        for directive in sorted {
            let (on, arguments) = matcher::of(directive, &around.named);
            let on = on.at(self.host);
            let whole = on == Match::Always;
            let unreachable = directive.name == "handle" || (whole && refuses(directive));
            if on == Match::Never || (handled && unreachable) {
                continue;
            }
            handled |= whole && directive.name == "handle";
            let on = matcher::all(vec![around.on.clone(), on]);
            self.directive(directive, arguments, (on, &around), reading);
        }
    }

    fn directive(
        &self,
        directive: &Directive,
        arguments: &[String],
        (on, around): (Match, &Around),
        reading: &mut Reading,
    ) {
        let whole = on == Match::Always;
        let content = match directive.name.as_str() {
            name if name.starts_with('@') || gate(directive).is_some() => return,
            "handle" | "route" if around.depth < DEPTH_MAX => {
                let (named, gates) = (around.named.clone(), around.gates.clone());
                let inner = Around { named, on, gates, depth: around.depth + 1 };
                return self.level(&directive.block, &inner, reading);
            }
            // The prefix is taken off, which a service does for all of its paths or for none.
            "handle_path" => Content::Refuse,
            "authenticate" => Content::Portal,
            "reverse_proxy" => proxying::reverse_proxy(directive, arguments, &mut reading.remarks),
            "file_server" => {
                if arguments.first().is_some_and(|word| word == "browse") {
                    reading.say(directive, "lists of folders are not shown", false);
                }
                Content::Files(reading.root.clone())
            }
            "redir" => proxying::redirect(arguments),
            _ if refuses(directive) => {
                if directive.name == "respond" && !is_refusal(arguments) {
                    reading.say(
                        directive,
                        "answers that no application gives are not given here: refused instead",
                        false,
                    );
                }
                Content::Refuse
            }
            _ => return reading.other(directive, arguments, whole),
        };
        if directive.name == "handle_path" {
            reading.say(
                directive,
                "one service has one upstream and one prefix: these paths are closed",
                false,
            );
        }
        let gates = around.gates.clone();
        reading.branches.push(Branch { on, gates, content, line: directive.line });
    }
}

fn refuses(directive: &Directive) -> bool {
    matches!(directive.name.as_str(), "respond" | "abort" | "error")
}

fn is_refusal(arguments: &[String]) -> bool {
    let status = arguments.iter().find_map(|word| word.parse::<u16>().ok());
    status.is_some_and(|status| status >= 400)
}

/// What a directive demands, if it demands something.
fn gate(directive: &Directive) -> Option<Gate> {
    match directive.name.as_str() {
        "authorize" => {
            let mut words = directive.arguments.iter().skip_while(|word| *word != "with");
            Some(Gate::Policy(words.nth(1).cloned().unwrap_or_default()))
        }
        "basic_auth" | "basicauth" => Some(Gate::Basic),
        "forward_auth" => Some(Gate::Asked),
        _ => None,
    }
}

impl Reading {
    fn say(&mut self, directive: &Directive, why: &str, closes: bool) {
        let text = format!("`{}`: {why}", directive.words());
        self.remarks.push(Remark { line: directive.line, text, closes });
    }

    /// What neither demands nor answers.
    fn other(&mut self, directive: &Directive, arguments: &[String], whole: bool) {
        match directive.name.as_str() {
            "tls" => {}
            name if LEFT_OUT.contains(&name) => {}
            "encode" => self.lines.push("compress = true".to_owned()),
            "root" => match arguments {
                [root] if whole && root.starts_with('/') && !root.contains('{') => {
                    self.root = Some(root.clone());
                }
                _ => self.say(directive, "where the files are was not understood", true),
            },
            "try_files" => match arguments {
                [path, file] if path == "{path}" && is_file(file) => {
                    self.fallback = Some(file.trim_start_matches('/').to_owned());
                }
                _ => self.say(
                    directive,
                    "paths that are changed before they are judged are not brought over",
                    true,
                ),
            },
            "header" | "request_header" if whole => {
                let request = directive.name == "request_header";
                let changes = if request { &mut self.edits.request } else { &mut self.edits.response };
                let remarks = proxying::headers(directive, arguments, changes);
                self.remarks.extend(remarks);
            }
            "header" | "request_header" => {
                self.say(directive, "headers are changed for all requests or for none", false);
            }
            "request_body" => self.request_body(directive),
            "import" => {
                self.say(directive, "the snippet or file is not in this file; put it in and try again", true);
            }
            "rewrite"
            | "uri"
            | "method"
            | "map"
            | "vars"
            | "intercept"
            | "php_fastcgi"
            | "invoke"
            | "templates"
            | "acme_server"
            | "copy_response"
            | "copy_response_headers" => {
                self.say(directive, "this has no counterpart", true);
            }
            _ => self.say(directive, "this was not understood, and it might decide who gets in", true),
        }
    }

    fn request_body(&mut self, directive: &Directive) {
        let size = match directive.block.as_slice() {
            [line] if line.name == "max_size" => kibibytes(line.argument(0)),
            _ => None,
        };
        match size {
            Some(size) => self.lines.push(format!("limits = {{ body = \"{size}KiB\" }}")),
            None => self.say(directive, "the limit was not understood", false),
        }
    }
}

fn is_file(text: &str) -> bool {
    let name = text.strip_prefix('/').unwrap_or(text);
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A size such as `10MB`, in whole kibibytes, rounded down.
fn kibibytes(text: &str) -> Option<u64> {
    let at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "kb" | "k" => 1000,
        "kib" => 1 << 10,
        "mb" | "m" => 1_000_000,
        "mib" => 1 << 20,
        "gb" | "g" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return None,
    };
    let size = number.parse::<u64>().ok().filter(|number| *number < 1 << 20)?.checked_mul(factor)? / 1024;
    (size > 0 && size < 1 << 24).then_some(size)
}

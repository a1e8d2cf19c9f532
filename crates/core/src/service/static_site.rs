//! A site of files. What a path means, and what part of a file is wanted, is decided here; files are opened elsewhere.

use std::path::PathBuf;

use ::http::{HeaderMap, HeaderValue, header};

use super::Upstream;
use crate::{http::path, policy::Paths};

/// A site of files.
#[derive(Clone, Debug)]
pub struct StaticSite {
    /// Where the files are. Nothing outside of it is served, whatever links lead there.
    pub directory: PathBuf,
    /// The file that a folder stands for.
    pub index: String,
    /// The file that stands for a page that is not there: applications in the browser have pages of their own.
    pub fallback: Option<PathBuf>,
    /// How long files may be kept; the first rule that fits counts.
    pub cache: Vec<CacheRule>,
    /// Whether `app.js.br` beside `app.js` is sent to whoever can take it, and the same for `.zst` and `.gz`.
    pub precompressed: bool,
    /// Paths that an application answers, by prefix.
    pub api: Vec<(String, Upstream)>,
}

/// How long files may be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheRule {
    /// Which files.
    pub paths: Paths,
    /// Seconds.
    pub max_age: u32,
    /// Whether they never change under their name.
    pub immutable: bool,
}

/// What a path asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The path below the directory.
    pub file: PathBuf,
    /// Whether it is a folder, by its slash.
    pub folder: bool,
}

/// The part of a file that is wanted (RFC 9110 section 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first to the last byte, both included.
    Between(u64, u64),
    /// Nothing that there is: 416.
    Nowhere,
}

impl StaticSite {
    /// A site without a fallback, with `index.html` for folders.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            index: "index.html".to_owned(),
            fallback: None,
            cache: Vec::new(),
            precompressed: false,
            api: Vec::new(),
        }
    }

    /// The application that answers a canonical path, if one does.
    pub fn api_of(&self, canonical: &str) -> Option<&Upstream> {
        let mut prefixes = self.api.iter();
        let found = prefixes.find(|(prefix, _)| path::has_segment_prefix(canonical, prefix));
        found.map(|(_, upstream)| upstream)
    }

    /// The file for a canonical path. `None` for hidden files and for what can't be the name of a file.
    pub fn wanted(&self, canonical: &str) -> Option<Wanted> {
        let mut file = PathBuf::new();
        let inner = canonical.strip_prefix('/')?;
        let folder = inner.is_empty() || inner.ends_with('/');
        for (number, segment) in inner.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            let name = decoded(segment)?;
            let well_known = number == 0 && name == ".well-known";
            if (name.starts_with('.') && !well_known) || name.contains(['/', '\\', '\0']) {
                return None;
            }
            file.push(name);
        }
        if folder {
            file.push(&self.index);
        }
        Some(Wanted { file, folder })
    }

    /// `Cache-Control` for a file. What only some may see is kept by their browsers alone.
    pub fn cache_control(&self, canonical: &str, personal: bool) -> String {
        let who = if personal { "private" } else { "public" };
        match self.cache.iter().find(|rule| rule.paths.contain(canonical)) {
            None => format!("{who}, no-cache"),
            Some(CacheRule { max_age, immutable: false, .. }) => format!("{who}, max-age={max_age}"),
            Some(CacheRule { max_age, .. }) => format!("{who}, max-age={max_age}, immutable"),
        }
    }
}

/// Reads the escapes of one segment of a canonical path, which are valid.
fn decoded(segment: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, tail @ ..] = rest {
        if *byte == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            octets.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8(octets).ok()
}

/// Whether the client has this version already: `If-None-Match`, compared weakly (RFC 9110 section 13.1.2).
pub fn has_tag(headers: &HeaderMap, tag: &str) -> Option<bool> {
    let mut lines = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    lines.peek()?;
    let bare = tag.trim_start_matches("W/");
    let named = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    Some(named.map(str::trim).any(|found| found == "*" || found.trim_start_matches("W/") == bare))
}

/// The part that `Range` asks for. More than one range, or one in other units, is answered with the whole file.
pub fn part(range: Option<&HeaderValue>, length: u64) -> Part {
    let text = range.and_then(|range| range.to_str().ok()).and_then(|text| text.strip_prefix("bytes="));
    let Some((first, last)) = text.and_then(|text| text.split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let end = length.saturating_sub(1);
    match (number(first.trim()), number(last.trim())) {
        (Some(first), last) if last.is_some() || last_is_open(text) => match last {
            Some(last) if last < first => Part::Whole,
            _ if first >= length => Part::Nowhere,
            last => Part::Between(first, last.unwrap_or(end).min(end)),
        },
        (None, Some(0)) if first.is_empty() => Part::Nowhere,
        (None, Some(_)) if first.is_empty() && length == 0 => Part::Nowhere,
        (None, Some(count)) if first.is_empty() => Part::Between(length.saturating_sub(count), end),
        _ => Part::Whole,
    }
}

fn last_is_open(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.trim_end().ends_with('-'))
}

/// The type of a file, by the end of its name.
pub fn content_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    match end.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "log" => "text/plain; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "rss" => "application/rss+xml",
        "atom" => "application/atom+xml",
        "ics" => "text/calendar; charset=utf-8",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "m3u8" => "application/vnd.apple.mpegurl",
        "ts" => "video/mp2t",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_3_paths_are_files_below_the_directory() {
        let site = StaticSite::new("/srv/site");
        let file = |path: &str| site.wanted(path).map(|wanted| wanted.file.display().to_string());
        for (path, expected) in [
            ("/", "index.html"),
            ("/a", "a"),
            ("/a/", "a/index.html"),
            ("/a%20b/%C3%BC.txt", "a b/ü.txt"),
            ("/.well-known/security.txt", ".well-known/security.txt"),
        ] {
            assert_eq!(file(path).as_deref(), Some(expected), "{path}");
        }
        // What a request can't have is refused all the same.
        for path in [
            "/.env",
            "/a/.git/config",
            "/a/.well-known/x",
            "/..",
            "/a/../../b",
            "/%2e%2e/b",
            "/a%2Fb",
            "/a%5Cb",
            "/a%00",
            "/%",
            "a",
            "",
        ] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn parts_of_files() {
        for (range, expected) in [
            ("bytes=0-4", Part::Between(0, 4)),
            ("bytes=5-", Part::Between(5, 9)),
            ("bytes=-3", Part::Between(7, 9)),
            ("bytes=-99", Part::Between(0, 9)),
            ("bytes=9-99999999999999999999999", Part::Between(9, 9)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=10-12", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=4-3", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=1-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(part(Some(&HeaderValue::from_static(range)), 10), expected, "{range}");
        }
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(part(Some(&HeaderValue::from_static("bytes=0-")), 0), Part::Nowhere);
        assert_eq!(part(Some(&HeaderValue::from_static("bytes=-1")), 0), Part::Nowhere);
    }

    #[test]
    fn tags_are_compared_weakly() {
        let mut headers = HeaderMap::new();
        assert_eq!(has_tag(&headers, "\"a\""), None);
        headers.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\", W/\"a\""));
        assert_eq!(has_tag(&headers, "\"a\""), Some(true));
        assert_eq!(has_tag(&headers, "\"c\""), Some(false));
    }

    #[test]
    fn what_may_be_kept() {
        let mut site = StaticSite::new("/srv/site");
        let paths = Paths::Some { prefixes: vec!["/assets".to_owned()], regexes: Vec::new() };
        site.cache.push(CacheRule { paths, max_age: 60, immutable: true });
        assert_eq!(site.cache_control("/assets/a.js", true), "private, max-age=60, immutable");
        assert_eq!(site.cache_control("/a.js", false), "public, no-cache");
    }
}

//! Sites of files. Files are opened and read off the worker's thread, a few at a time: a flood of requests for files
//! on a slow disk takes turns, and no thread from what else may block.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use doorward_core::{
    http::encoding::{self, Coding},
    service::static_site::{self, Part, StaticSite, Wanted},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::{Body, Frame, SizeHint};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use tokio::{sync::Semaphore, task};

use crate::{
    body::{AnswerBody, Permission},
    control::BodyError,
    service::Answer,
    watch::Watch,
};

/// Bytes that are read at once.
const PIECE: u64 = 128 * 1024;

/// Files of one worker that are looked for or read at once.
const AT_ONCE: usize = 16;

/// The turns in which files are looked for and read.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turns {
    /// Does something that may block, in its turn. Nothing is done for somebody who has gone before it.
    fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = io::Result<T>> + 'static {
        let turns = Arc::clone(&self.0);
        async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            let working = task::spawn_blocking(move || {
                let done = work();
                drop(turn);
                done
            });
            working.await.map_err(io::Error::other)
        }
    }
}

/// What a request for a file is about.
pub(crate) struct Ask<'a> {
    pub(crate) site: &'a StaticSite,
    /// The canonical path, with the query for redirects.
    pub(crate) target: &'a http::uri::PathAndQuery,
    pub(crate) head: &'a Parts,
    /// Whether it is only for the one who asks.
    pub(crate) personal: bool,
    /// Whether a page is wanted, not a part of one.
    pub(crate) page: bool,
    pub(crate) turns: &'a Turns,
}

/// A file that is there.
struct Opened {
    file: File,
    name: PathBuf,
    length: u64,
    modified: SystemTime,
    /// What it is compressed by, if it stands in for the file that was asked for.
    coding: Option<Coding>,
}

enum Found {
    File(Opened),
    /// A folder that was asked for without its slash.
    Folder,
    Nothing,
}

/// Answers with a file; `None` if there is none.
pub(crate) async fn answer(ask: Ask<'_>, watch: Box<Watch>) -> Option<Answer> {
    if ask.head.method != Method::GET && ask.head.method != Method::HEAD {
        let mut answer = Response::new(AnswerBody::Empty);
        *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(answer);
    }
    let path = ask.target.path();
    let wanted = ask.site.wanted(path)?;
    let fallback = ask.site.fallback.clone().filter(|_| ask.page || !has_extension(path));
    let (directory, index) = (ask.site.directory.clone(), ask.site.index.clone());
    let codings = if ask.site.precompressed { encoding::in_order(&ask.head.headers) } else { Vec::new() };
    let search = Search { directory, wanted, index, fallback, codings };
    match ask.turns.take(move || search.find()).await.flatten() {
        Ok(Found::File(opened)) => Some(with_file(&ask, opened, watch)),
        Ok(Found::Folder) => redirect(ask.target),
        Ok(Found::Nothing) => None,
        Err(error) => {
            tracing::warn!(request = %watch.request, directory = %ask.site.directory.display(), %error, "a file can't be served");
            None
        }
    }
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

fn redirect(target: &http::uri::PathAndQuery) -> Option<Answer> {
    let query = target.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut answer = Response::new(AnswerBody::Empty);
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // One slash at the beginning: the path is canonical.
    let location = HeaderValue::from_str(&format!("{}/{query}", target.path())).ok()?;
    answer.headers_mut().insert(header::LOCATION, location);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(answer)
}

/// What is looked for.
struct Search {
    directory: PathBuf,
    wanted: Wanted,
    index: String,
    fallback: Option<PathBuf>,
    /// What may stand in for a file, the best first.
    codings: Vec<Coding>,
}

impl Search {
    fn find(&self) -> io::Result<Found> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = File::from(rustix::fs::open(&self.directory, flags, Mode::empty())?);
        if let Some(opened) = self.open(&root, &self.wanted.file)? {
            return Ok(Found::File(opened));
        }
        if !self.wanted.folder && open(&root, &self.wanted.file.join(&self.index))?.is_some() {
            return Ok(Found::Folder);
        }
        let fallback = self.fallback.as_ref().map(|fallback| self.open(&root, fallback));
        Ok(fallback.transpose()?.flatten().map_or(Found::Nothing, Found::File))
    }

    /// Opens a file, or what stands beside it compressed and is not older.
    fn open(&self, root: &File, file: &Path) -> io::Result<Option<Opened>> {
        let Some(plain) = open(root, file)? else { return Ok(None) };
        for coding in &self.codings {
            let mut beside = file.as_os_str().to_owned();
            beside.push(".");
            beside.push(coding.extension());
            match open(root, Path::new(&beside)) {
                Ok(Some(found)) if found.modified >= plain.modified => {
                    return Ok(Some(Opened { name: plain.name, coding: Some(*coding), ..found }));
                }
                // The file itself is as good.
                _ => {}
            }
        }
        Ok(Some(plain))
    }
}

/// Opens a file below `root`. The kernel refuses links that lead out, at each step, so that nobody who may write there
/// can swap a folder for a link in between. Pipes are not waited for, and only regular files are served.
fn open(root: &File, file: &Path) -> io::Result<Option<Opened>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let stay = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = match rustix::fs::openat2(root, file, flags, Mode::empty(), stay) {
        Ok(opened) => File::from(opened),
        Err(
            rustix::io::Errno::NOENT
            | rustix::io::Errno::NOTDIR
            | rustix::io::Errno::XDEV
            | rustix::io::Errno::LOOP
            | rustix::io::Errno::NAMETOOLONG
            | rustix::io::Errno::NXIO,
        ) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    Ok(Some(Opened { file: opened, name: file.to_owned(), length: metadata.len(), modified, coding: None }))
}

fn with_file(ask: &Ask<'_>, opened: Opened, watch: Box<Watch>) -> Answer {
    let Opened { file, name, length, modified, coding } = opened;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let coded = coding.map_or_else(String::new, |coding| format!("-{}", coding.name()));
    let tag = format!("\"{:x}-{length:x}{coded}\"", since.as_nanos());
    let mut answer = Response::new(AnswerBody::Empty);
    let headers = answer.headers_mut();
    let kind = static_site::content_type(&name.to_string_lossy());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if ask.site.precompressed {
        encoding::mark_varying(headers);
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    let cache = ask.site.cache_control(ask.target.path(), ask.personal);
    for (name, text) in [
        (header::CACHE_CONTROL, cache.as_str()),
        (header::ETAG, tag.as_str()),
        (header::LAST_MODIFIED, httpdate::fmt_http_date(modified).as_str()),
    ] {
        headers.extend(HeaderValue::from_str(text).ok().map(|value| (name, value)));
    }
    if is_known(&ask.head.headers, &tag, since) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            answer.headers_mut().remove(name);
        }
        return answer;
    }
    let (first, count) = match static_site::part(range(&ask.head.headers, &tag, modified), length) {
        Part::Whole => (0, length),
        Part::Between(first, last) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(answer.headers_mut(), header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            (first, last - first + 1)
        }
        Part::Nowhere => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(answer.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{length}"));
            return answer;
        }
    };
    if ask.head.method == Method::HEAD {
        set(answer.headers_mut(), header::CONTENT_LENGTH, &count.to_string());
        return answer;
    }
    let body = FileBody {
        state: State::Ready(file, first),
        left: count,
        turns: ask.turns.clone(),
        permission: Permission::new(watch),
    };
    answer.map(|_| AnswerBody::File(Box::new(body)))
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Whether the client has this version. A tag counts more than a time (RFC 9110 section 13.2.2).
fn is_known(headers: &HeaderMap, tag: &str, since: Duration) -> bool {
    static_site::has_tag(headers, tag).unwrap_or_else(|| {
        let time = headers.get(header::IF_MODIFIED_SINCE).and_then(date);
        // Times in headers have no fractions.
        time.and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .is_some_and(|time| since.as_secs() <= time.as_secs())
    })
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// `Range`, unless it is for another version (RFC 9110 section 13.1.5).
fn range<'a>(headers: &'a HeaderMap, tag: &str, modified: SystemTime) -> Option<&'a HeaderValue> {
    let same = headers.get(header::IF_RANGE).is_none_or(|condition| {
        condition.as_bytes() == tag.as_bytes()
            || condition.as_bytes() == httpdate::fmt_http_date(modified).as_bytes()
    });
    headers.get(header::RANGE).filter(|_| same)
}

/// A body that is read from a file, piece by piece, as it is sent.
pub(crate) struct FileBody {
    state: State,
    left: u64,
    turns: Turns,
    permission: Permission,
}

enum State {
    /// The file, and where to read on.
    Ready(File, u64),
    Reading(Pin<Box<dyn Future<Output = io::Result<Piece>>>>),
    Ended,
}

/// The file, where to read on, and what was read.
type Piece = (File, u64, io::Result<Bytes>);

fn read(mut file: File, at: u64, count: u64) -> Piece {
    let mut piece = Vec::new();
    let done = file.seek(SeekFrom::Start(at)).and_then(|_| file.by_ref().take(count).read_to_end(&mut piece));
    let at = at + piece.len() as u64;
    (file, at, done.map(|_| Bytes::from(piece)))
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.permission.ended(false, context) {
            self.state = State::Ended;
            return self.permission.cut();
        }
        loop {
            let count = self.left.min(PIECE);
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ready(file, at) if count > 0 => {
                    let reading = self.turns.take(move || read(file, at, count));
                    self.state = State::Reading(Box::pin(reading));
                }
                State::Ready(..) | State::Ended => return Poll::Ready(None),
                State::Reading(mut reading) => {
                    let Poll::Ready(done) = reading.as_mut().poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, at, piece) = done?;
                    let piece = piece?;
                    if piece.is_empty() {
                        // It became shorter: what was announced can't be kept.
                        return Poll::Ready(Some(Err("the file became shorter".into())));
                    }
                    self.left = self.left.saturating_sub(piece.len() as u64);
                    self.state = State::Ready(file, at);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    /// D-16: files on a disk that does not answer take no more threads than there are turns.
    #[tokio::test]
    async fn only_so_many_files_are_read_at_once() {
        let turns = Turns::default();
        let (begun, begins) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let (gate, running) = (Arc::new(Mutex::new(gate)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..4 * AT_ONCE)
            .map(|_| {
                let (begun, gate, running) = (begun.clone(), Arc::clone(&gate), Arc::clone(&running));
                tokio::spawn(turns.take(move || {
                    begun.send(running.fetch_add(1, Ordering::SeqCst) + 1).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                }))
            })
            .collect();
        let released = task::spawn_blocking(move || {
            for _ in 0..AT_ONCE {
                begins.recv().unwrap();
            }
            assert!(begins.try_recv().is_err(), "as many as there are turns");
            for _ in 0..3 * AT_ONCE {
                go.send(()).unwrap();
                assert!(begins.recv().unwrap() <= AT_ONCE);
            }
            for _ in 0..AT_ONCE {
                go.send(()).unwrap();
            }
        });
        released.await.unwrap();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
}

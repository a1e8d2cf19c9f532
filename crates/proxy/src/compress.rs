//! Compression of answers that were not compressed. Nothing is held back: when the body makes us wait, what came before
//! is sent.

use std::{
    io::{self, Write as _},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use doorward_core::http::encoding::{self, Coding};
use flate2::{Compression, write::GzEncoder};
use http::Method;
use http_body::{Body, Frame};

use crate::{body::AnswerBody, control::BodyError, service::Answer};

/// Answers come once and are sent at once: levels that take little time.
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 19;
const GZIP_LEVEL: u32 = 5;
const ZSTD_LEVEL: i32 = 3;
/// Bytes that a compressor collects.
const BUFFER: usize = 16 * 1024;

/// Compresses an answer that can be compressed, for a client that takes `accepted`.
pub(crate) fn answer(mut answer: Answer, accepted: Option<Coding>, method: &Method) -> Answer {
    let length = answer.body().size_hint().exact();
    if !encoding::is_compressible(answer.status(), answer.headers(), length) {
        return answer;
    }
    encoding::mark_varying(answer.headers_mut());
    let (Some(coding), false) = (accepted, *method == Method::HEAD) else {
        return answer;
    };
    let Ok(encoder) = Encoder::new(coding) else {
        return answer;
    };
    encoding::mark_compressed(answer.headers_mut(), coding);
    answer.map(|inner| {
        let body = CompressedBody { inner, encoder: Some(encoder), waiting: false, trailers: None };
        AnswerBody::Compressed(Box::new(body))
    })
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Coding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BUFFER,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            ))),
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    fn write(&mut self, data: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(data)?,
            Self::Brotli(encoder) => encoder.write_all(data)?,
            Self::Zstd(encoder) => encoder.write_all(data)?,
        }
        Ok(self.take())
    }

    /// Everything that was written, so that the other side can read it.
    fn flush(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.flush()?,
            Self::Brotli(encoder) => encoder.flush()?,
            Self::Zstd(encoder) => encoder.flush()?,
        }
        Ok(self.take())
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// A body that is compressed on its way.
pub(crate) struct CompressedBody {
    inner: AnswerBody,
    /// `None` once it has been finished.
    encoder: Option<Encoder>,
    /// Whether something was written that may not have come out.
    waiting: bool,
    trailers: Option<Frame<Bytes>>,
}

impl CompressedBody {
    /// What comes out for what came in; `None` to ask for more.
    fn take_in(&mut self, frame: Option<Frame<Bytes>>) -> io::Result<Option<Vec<u8>>> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(None);
        };
        let out = match frame.map(Frame::into_data) {
            Some(Ok(data)) => {
                self.waiting = true;
                encoder.write(&data)?
            }
            other => {
                self.trailers = other.and_then(Result::err);
                self.encoder.take().map_or_else(|| Ok(Vec::new()), Encoder::finish)?
            }
        };
        Ok((!out.is_empty()).then_some(out))
    }

    fn flush(&mut self) -> io::Result<Option<Vec<u8>>> {
        let waiting = std::mem::take(&mut self.waiting);
        let out = match &mut self.encoder {
            Some(encoder) if waiting => encoder.flush()?,
            _ => Vec::new(),
        };
        Ok((!out.is_empty()).then_some(out))
    }
}

impl Body for CompressedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(self.trailers.take().map(Ok));
            }
            let out = match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => self.take_in(Some(frame)),
                Poll::Ready(None) => self.take_in(None),
                Poll::Pending => match self.flush() {
                    Ok(None) => return Poll::Pending,
                    out => out,
                },
            };
            match out {
                Ok(Some(out)) => return Poll::Ready(Some(Ok(Frame::data(out.into())))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}

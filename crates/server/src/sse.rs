//! Answers as server-sent events: one `data:` line each, `[DONE]` at the end.
//!
//! The events are written straight into the connection's next frame when it has room for one: whoever reads slowly gets
//! larger frames, not later ones, and nothing is copied in between.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use serde::Serialize;

use crate::openai::{ApiError, Usage};
use crate::run::Run;
use crate::service::Delta;

/// Writes the pieces of an answer as chunks of one API.
pub trait Chunks: Send + Unpin + 'static {
    /// What comes before anything is known.
    fn begin(&mut self, out: &mut Events);
    /// What a step brought.
    fn push(&mut self, run: &mut Run, delta: Delta, out: &mut Events);
    /// What comes after all choices are over.
    fn end(&mut self, usage: Usage, out: &mut Events);
}

/// Events on their way.
#[derive(Default)]
pub struct Events(BytesMut);

impl Events {
    /// Adds one.
    pub fn send(&mut self, data: &impl Serialize) {
        self.0.put_slice(b"data: ");
        // Structs of strings and numbers: there is nothing in them that JSON cannot say.
        let _ = serde_json::to_writer((&mut self.0).writer(), data);
        self.0.put_slice(b"\n\n");
    }

    fn done(&mut self) {
        self.0.put_slice(b"data: [DONE]\n\n");
    }
}

/// The body of a streamed answer. Dropping it, as happens when its client goes away, cancels what is still to come.
struct Stream<C> {
    run: Run,
    chunks: C,
    events: Events,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    New,
    Running,
    Over,
}

/// The response that streams `run`.
pub fn response(run: Run, chunks: impl Chunks) -> Response {
    let stream = Stream { run, chunks, events: Events::default(), state: State::New };
    let mut response = Body::new(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies would otherwise collect the events.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

impl<C: Chunks> Stream<C> {
    fn take(&mut self, delta: Option<Delta>) {
        let Some(delta) = delta else {
            let error = self.run.broke();
            return self.fail(error);
        };
        if let Err(error) = self.run.note(&delta) {
            return self.fail(error);
        }
        self.chunks.push(&mut self.run, delta, &mut self.events);
        if self.run.is_over() {
            let usage = self.run.complete();
            self.chunks.end(usage, &mut self.events);
            self.events.done();
            self.state = State::Over;
        }
    }

    /// The status has been sent; the error comes as an event.
    fn fail(&mut self, error: ApiError) {
        self.events.send(&error.into_body());
        self.state = State::Over;
    }
}

impl<C: Chunks> http_body::Body for Stream<C> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let stream = &mut *self;
        if stream.state == State::New {
            stream.state = State::Running;
            stream.chunks.begin(&mut stream.events);
        }
        // All that is there already goes into one frame.
        while stream.state == State::Running
            && let Poll::Ready(delta) = stream.run.answer.poll_next(context)
        {
            stream.take(delta);
        }
        match (stream.events.0.is_empty(), &stream.state) {
            (false, _) => Poll::Ready(Some(Ok(Frame::data(stream.events.0.split().freeze())))),
            (true, State::Over) => Poll::Ready(None),
            (true, _) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Over && self.events.0.is_empty()
    }
}

//! Runs a request to its text, in one piece or in several.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use foretell_engine::{FinishReason, GenerationMetrics};
use foretell_session::session::{GuestAnswer, GuestPart, GuestRequest, Session};

use crate::{error::ApiError, stop};

/// The longest time for an answer, with the time that the editor comes first.
const MAX_TIME: Duration = Duration::from_secs(120);

/// Where a client wants a text to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) stops: Vec<String>,
    /// The time for a text of several lines, from its first token.
    pub(crate) max_time: Option<Duration>,
}

/// Why a text ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself: the model or the policy ended it.
    Text,
    /// At the limit of tokens or time.
    Limit,
    /// At a string of the client.
    Word(String),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// The text after the previous piece.
    pub(crate) text: String,
    pub(crate) end: Option<End>,
    pub(crate) figures: GenerationMetrics,
}

/// A text that is being generated. Dropping it is the cancel.
pub(crate) struct Answer {
    /// `None` if the settings allow no text.
    guest: Option<GuestAnswer>,
    limits: Limits,
    /// How much of the text the client has, in bytes.
    n_sent_bytes: usize,
    clock: Clock,
}

/// The time that an answer takes.
struct Clock {
    asked: Instant,
    /// When the first text was there.
    first: Option<Instant>,
}

impl Answer {
    pub(crate) fn start(
        session: &Session,
        request: GuestRequest,
        limits: Limits,
    ) -> Result<Self, ApiError> {
        let guest = match session.answer_guest(request) {
            Ok(guest) => Some(guest),
            Err(reason) => match ApiError::of(&reason) {
                Some(error) => return Err(error),
                None => None,
            },
        };
        Ok(Self {
            guest,
            limits,
            n_sent_bytes: 0,
            clock: Clock { asked: Instant::now(), first: None },
        })
    }

    /// The whole text.
    pub(crate) async fn whole(&mut self) -> Result<Piece, ApiError> {
        let Some(guest) = &mut self.guest else { return Ok(nothing()) };
        let (mut n_seen_bytes, mut deadline) = (0, None);
        loop {
            let part = next(guest, n_seen_bytes, self.clock.asked, deadline).await?;
            n_seen_bytes = part.text.len();
            deadline = self.clock.deadline(&part, &self.limits);
            let (n_bytes, end) = judge(&part, &self.limits, deadline);
            if end.is_some() {
                let figures = timed(part.figures, self.clock.first);
                return Ok(Piece { text: part.text[..n_bytes].to_owned(), end, figures });
            }
        }
    }

    /// The next part of the text, which ends with the part that has an `end`.
    pub(crate) async fn next(&mut self) -> Result<Piece, ApiError> {
        let Some(guest) = &mut self.guest else { return Ok(nothing()) };
        let mut n_seen_bytes = self.n_sent_bytes;
        let mut deadline = self.clock.deadline(&guest.part(), &self.limits);
        loop {
            let part = next(guest, n_seen_bytes, self.clock.asked, deadline).await?;
            n_seen_bytes = part.text.len();
            deadline = self.clock.deadline(&part, &self.limits);
            let (n_bytes, end) = judge(&part, &self.limits, deadline);
            let text = part.text.get(self.n_sent_bytes..n_bytes).unwrap_or_default();
            if end.is_some() || !text.is_empty() {
                self.n_sent_bytes += text.len();
                guest.sent(self.n_sent_bytes);
                let figures = timed(part.figures, self.clock.first);
                return Ok(Piece { text: text.to_owned(), end, figures });
            }
        }
    }

    pub(crate) fn into_guest(self) -> Option<GuestAnswer> {
        self.guest
    }
}

/// The text once it is longer than `n_bytes` or complete, or as it is at `deadline`.
async fn next(
    guest: &mut GuestAnswer,
    n_bytes: usize,
    asked: Instant,
    deadline: Option<Instant>,
) -> Result<GuestPart, ApiError> {
    let end = asked + MAX_TIME;
    let until = deadline.map_or(end, |it| it.min(end));
    match tokio::time::timeout_at(until.into(), guest.longer_than(n_bytes)).await {
        Ok(Ok(part)) => Ok(part),
        Ok(Err(reason)) => Err(ApiError::of(&reason).unwrap_or_else(busy)),
        Err(_) if until < end => Ok(guest.part()),
        Err(_) => Err(busy()),
    }
}

fn busy() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the editor keeps the model busy")
}

impl Clock {
    /// When a text ends at the limit of time. As in llama.cpp, one without a line break goes on.
    fn deadline(&mut self, part: &GuestPart, limits: &Limits) -> Option<Instant> {
        if part.figures.generated > 0 {
            self.first.get_or_insert_with(Instant::now);
        }
        let deadline = self.first? + limits.max_time?;
        part.text.contains('\n').then_some(deadline)
    }
}

/// How much of a text may be sent, in bytes, and whether it ends there.
fn judge(part: &GuestPart, limits: &Limits, deadline: Option<Instant>) -> (usize, Option<End>) {
    let (n_bytes, stop) = stop::cut(&part.text, &limits.stops, part.finish.is_some());
    let is_late = deadline.is_some_and(|it| Instant::now() >= it);
    let end = match (&part.finish, stop) {
        (_, Some(stop)) => Some(End::Word(stop.to_owned())),
        (Some(FinishReason::MaxTokens | FinishReason::ContextFull), None) => Some(End::Limit),
        (Some(_), None) => Some(End::Text),
        (None, None) => is_late.then_some(End::Limit),
    };
    (n_bytes, end)
}

/// The figures of a text that may have been ended early.
fn timed(figures: GenerationMetrics, first: Option<Instant>) -> GenerationMetrics {
    let decode_ms = first.map_or(0.0, |it| it.elapsed().as_secs_f64() * 1e3);
    if figures.decode_ms > 0.0 { figures } else { GenerationMetrics { decode_ms, ..figures } }
}

fn nothing() -> Piece {
    Piece { text: String::new(), end: Some(End::Text), figures: GenerationMetrics::default() }
}

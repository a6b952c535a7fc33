//! What is true of every handler: parse, acknowledge, run, publish, fail. No event type of its own but those two answers.

pub(crate) use answer::to_json;
pub use answer::{Answer, AnswerContract, Either, Kind, Never, ResponseData, Spoken};
pub use carry::{Begun, begin, begun_before, carry};
pub(crate) use carry::{arrive, arrive_with_end, has_had_effect, is_ours, place};
pub use dispatch::{Dispatcher, HandlerContract, Handling, Route, common_answers};
pub use failure::{Failure, LogEvent};
pub use flow::{Spans, Unsettled, World, refuse};
pub use handler::{Effect, EventData, Handler, Operation, Recovered, Step};
pub use publish::{Draft, PublishError, Publisher};
pub use read::{DataError, read};

mod answer;
mod carry;
pub(crate) mod correlation;
mod dispatch;
mod failure;
mod flow;
mod handler;
pub(crate) mod lenient;
pub mod log_events;
mod memory;
mod poison;
mod publish;
mod read;
pub(crate) mod time_range;

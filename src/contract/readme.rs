//! The contract for people: each topic's steps from request to outcome, and every message with its example. Markdown, as
//! code hosts show it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gridwich_handlers::base::{AnswerContract, HandlerContract, Kind, common_answers, log_events};

use super::{Contract, Message, Role, file_name, text as json_text};

const HEAD: &str = "\
# Messages

Written from the types by `make schemas`; `index.json` says the same for programs, `asyncapi.json` is an AsyncAPI 3.0
document for tools, and `baseline.json` is what has been promised (`make freeze`).

";

/// The whole page.
pub(super) fn text(contract: &Contract) -> String {
    let mut page = HEAD.to_owned();
    add(&mut page, format_args!("{}\n", common()));
    for (topic, handlers) in steps_by_topic(contract) {
        add(&mut page, format_args!("## {topic}\n\n| request | answers | later answers |\n|---|---|---|\n"));
        for handler in handlers {
            add(&mut page, format_args!("{}\n", row(contract, handler)));
        }
        page.push('\n');
    }
    for (title, role) in [
        ("Requests", Role::Request),
        ("Answers", Role::Answer),
        ("What platforms report", Role::PlatformEvent),
    ] {
        add(&mut page, format_args!("## {title}\n\n"));
        for message in contract.messages.values().filter(|message| message.role == role) {
            page.push_str(&section(message));
        }
    }
    page.push_str(&numbers());
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// What `logEventId` of a failure can be.
fn numbers() -> String {
    let mut table = "## Numbers of failures\n\nNever reused and never renumbered; those with 900 and more at the end are not the original's.\n\n| `logEventId` | |\n|---|---|\n".to_owned();
    for event in log_events::ALL {
        add(&mut table, format_args!("| {} | {} |\n", event.id, event.name));
    }
    table
}

fn common() -> String {
    let (ends, begins) = common_answers().into_iter().partition::<Vec<_>, _>(|a| a.kind == Kind::Outcome);
    let linked = |answers: &[AnswerContract]| {
        answers.iter().map(|answer| link(answer.event_type)).collect::<Vec<_>>().join(", ")
    };
    format!(
        "Every request is first answered with {}; each may end in {} instead of the **outcome** that stands in bold.\n\
         An answer belongs to the request whose `operationContext` it carries, also hours later; `eventId` of a failure names the\n\
         request, or what a platform reported.\n",
        linked(&begins),
        linked(&ends)
    )
}

/// Requests by the second part of their event type.
fn steps_by_topic(contract: &Contract) -> BTreeMap<&'static str, Vec<&HandlerContract>> {
    let mut topics = BTreeMap::<_, Vec<_>>::new();
    for handler in contract.handlers.iter().filter(|handler| handler.is_request()) {
        topics.entry(handler.event_type.split('.').nth(1).unwrap_or_default()).or_default().push(handler);
    }
    topics
}

fn row(contract: &Contract, handler: &HandlerContract) -> String {
    let later = contract.later(handler).filter(|(_, told)| !told.is_empty());
    let later = later.map(|(it, told)| format!("after {}: {}", link(it.event_type), answers(told)));
    let later = later.collect::<Vec<_>>().join("<br>");
    format!("| {} | {} | {later} |", link(handler.event_type), answers(&handler.answers))
}

fn answers<'a>(told: impl IntoIterator<Item = &'a AnswerContract>) -> String {
    let named = told.into_iter().map(|answer| match answer.kind {
        Kind::Outcome => format!("**{}**", link(answer.event_type)),
        Kind::Interim | Kind::Progress(_) => link(answer.event_type),
    });
    named.collect::<Vec<_>>().join(", ")
}

fn section(message: &Message) -> String {
    let event_type = message.event_type;
    let example = json_text(message.example());
    format!(
        "### {event_type}\n\n{} [Schema]({})\n\n```json\n{example}```\n\n",
        message.description(),
        file_name(event_type),
    )
}

/// A link to a message's section, whose anchor is its heading in lower case without points.
fn link(event_type: &str) -> String {
    format!("[`{event_type}`](#{})", event_type.to_lowercase().replace('.', ""))
}

fn add(page: &mut String, piece: std::fmt::Arguments<'_>) {
    page.write_fmt(piece).expect("a String takes all that is written to it");
}

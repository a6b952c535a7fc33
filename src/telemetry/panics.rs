//! What is said of a panic: where it was. Not what it was about, which may be data of an event.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{Location, PanicHookInfo};

/// Has panics logged instead of printed, for the whole program.
pub(super) fn install() {
    std::panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let sentence = sentence(panic.payload(), panic.location());
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(backtrace = backtrace.map(tracing::field::display), "{sentence}");
}

/// A message that was written into the program holds no data; one that was formatted may.
fn sentence(payload: &(dyn Any + Send), location: Option<&Location<'_>>) -> String {
    let place = location.map(ToString::to_string).unwrap_or_default();
    match payload.downcast_ref::<&'static str>() {
        Some(message) => format!("panicked at {place}: {message}"),
        None => format!("panicked at {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_the_program_is_said() {
        let location = Location::caller();
        let said = |payload: Box<dyn Any + Send>| sentence(&*payload, Some(location));
        let caught = |panics: fn()| std::panic::catch_unwind(panics).unwrap_err();
        assert!(said(caught(|| panic!("on purpose"))).ends_with(": on purpose"));
        let formatted = said(caught(|| {
            let body = "hush".to_owned();
            panic!("cannot read {body}");
        }));
        assert_eq!(formatted, format!("panicked at {location}"));
        let inside = said(caught(|| {
            let body = "hüsch".to_owned();
            let _ = body.split_at(2);
        }));
        assert!(!inside.contains("hüsch"), "{inside}");
    }
}

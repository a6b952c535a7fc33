//! What identifies an operation, and every answer to it. Not what the caller calls it: that is the operation context.

use std::fmt;

use uuid::Uuid;

use crate::operation_context::OperationContext;

/// Namespace of all names derived here: drawn once and fixed forever, because redeliveries across versions must find the
/// same names.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_b3f1_5d0e_5f0f_9a3e_0c6a_6e1d_2b47);

/// How many hexadecimal digits the original put at the end of a job's name.
const SUFFIX_DIGITS: usize = 11;

/// One operation: the same for every delivery of the same request, and carried to its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(Uuid);

impl OperationId {
    /// The operation a request event asks for.
    #[must_use]
    pub fn of_request(event_id: &str, event_type: &str, context: Option<&OperationContext>) -> Self {
        Self::derive(&[event_type, event_id, context.map_or("", OperationContext::as_str)])
    }

    /// The operation behind a completion that does not carry one: started by others, or by an earlier version.
    ///
    /// `what` names the thing that completed, for example a job, so that all that is said of it shares its identity.
    #[must_use]
    pub fn of_completion(what: &str, context: Option<&OperationContext>) -> Self {
        Self::derive(&["completion", what, context.map_or("", OperationContext::as_str)])
    }

    /// The id as it travels and names things: 32 hexadecimal digits.
    #[must_use]
    pub fn digits(self) -> String {
        self.0.simple().to_string()
    }

    /// Reads what [`OperationId::digits`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
    }

    /// The event id of an answer: the same answer has the same id however often it is published.
    #[must_use]
    pub fn answer(self, kind: &str) -> Uuid {
        Uuid::new_v5(&self.0, kind.as_bytes())
    }

    /// The event id of the acknowledgment.
    #[must_use]
    pub fn acknowledgment(self) -> Uuid {
        self.answer("acknowledgment")
    }

    /// The event id of the outcome, success and failure alike: who waits for an operation waits for this.
    #[must_use]
    pub fn outcome(self) -> Uuid {
        self.answer("outcome")
    }

    /// What ends the names of things made for this operation, in place of the original's random digits.
    #[must_use]
    pub fn suffix(self) -> String {
        let mut digits = self.digits();
        digits.truncate(SUFFIX_DIGITS);
        digits
    }

    /// Parts are joined with their lengths, so that no two lists of parts give the same name.
    fn derive(parts: &[&str]) -> Self {
        let mut name = Vec::with_capacity(parts.iter().map(|p| p.len() + 8).sum());
        for part in parts {
            name.extend_from_slice(&(part.len() as u64).to_be_bytes());
            name.extend_from_slice(part.as_bytes());
        }
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }
}

/// A dashed GUID, as logs and failures show it.
impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_told_apart_by_event_id_type_and_context() {
        let context = OperationContext::parse(r#"{"a":1}"#).unwrap();
        let id = OperationId::of_request("1", "t", Some(&context));
        assert_eq!(
            id,
            OperationId::of_request("1", "t", Some(&OperationContext::parse(r#"{ "a" : 1 }"#).unwrap()))
        );
        assert_ne!(id, OperationId::of_request("2", "t", Some(&context)));
        assert_ne!(id, OperationId::of_request("1", "u", Some(&context)));
        assert_ne!(id, OperationId::of_request("1", "t", None));
        assert_ne!(OperationId::of_request("1t", "", None), OperationId::of_request("1", "t", None));
    }

    #[test]
    fn names_derived_from_an_operation_never_change() {
        let id = OperationId::of_request("1", "request.blob.copy", None);
        assert_eq!(id.digits(), "7cff157cb7695d70990940dbf1dd9bf6");
        assert_eq!(OperationId::parse(&id.digits()), Some(id));
        assert_eq!(id.suffix().len(), SUFFIX_DIGITS);
        assert_eq!(id.outcome(), id.answer("outcome"));
        assert_ne!(id.outcome(), id.acknowledgment());
    }
}

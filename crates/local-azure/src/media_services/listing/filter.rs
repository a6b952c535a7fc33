//! The part of OData's `$filter` that the dialect documents. Not a general OData expression.
//!
//! `expression = term ("or" term)*`, `term = factor ("and" factor)*`,
//! `factor = "(" expression ")" | property operator literal`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::media_services::jobs::JobState;
use crate::media_services::resource::{folded, timestamp};

/// A filter is a line a person can read: comparisons beyond this are refused, which also bounds the recursion.
const COMPARISONS_MAX: usize = 50;

/// Something that can be said of a resource.
pub(crate) struct Property {
    /// Its name without `properties/`, which callers may or may not write.
    pub name: &'static str,
    pub kind: Kind,
    pub filters: &'static [Operator],
    pub orders: bool,
}

/// How a property is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Text,
    Time,
    JobState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Comparison { property: &'static str, operator: Operator, value: String },
}

impl Expression {
    /// Whether it holds of a resource, whose properties `value_of` knows.
    pub fn holds(&self, value_of: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Any(expressions) => expressions.iter().any(|e| e.holds(value_of)),
            Self::All(expressions) => expressions.iter().all(|e| e.holds(value_of)),
            Self::Comparison { property, operator, value } => {
                value_of(property).is_some_and(|actual| operator.holds(&actual, value))
            }
        }
    }
}

impl Operator {
    fn holds(self, actual: &str, wanted: &str) -> bool {
        match self {
            Self::Eq => actual == wanted,
            Self::Ne => actual != wanted,
            Self::Gt => actual > wanted,
            Self::Ge => actual >= wanted,
            Self::Lt => actual < wanted,
            Self::Le => actual <= wanted,
        }
    }

    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }
}

/// The property a caller means.
pub(super) fn find<'a>(name: &str, properties: &'a [Property]) -> Option<&'a Property> {
    let name = name.strip_prefix("properties/").unwrap_or(name);
    properties.iter().find(|property| property.name.eq_ignore_ascii_case(name))
}

/// Reads a filter; the error says what was wrong.
pub(super) fn parse(text: &str, properties: &'static [Property]) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), properties, comparisons: 0 };
    let expression = parser.expression(0)?;
    match parser.tokens.next() {
        None => Ok(expression),
        Some(token) => Err(format!("'{token}' was not expected")),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
    properties: &'static [Property],
    comparisons: usize,
}

impl Parser {
    fn expression(&mut self, depth: usize) -> Result<Expression, String> {
        let mut terms = vec![self.term(depth)?];
        while self.tokens.next_if(|token| token == "or").is_some() {
            terms.push(self.term(depth)?);
        }
        Ok(Expression::Any(terms))
    }

    fn term(&mut self, depth: usize) -> Result<Expression, String> {
        let mut factors = vec![self.factor(depth)?];
        while self.tokens.next_if(|token| token == "and").is_some() {
            factors.push(self.factor(depth)?);
        }
        Ok(Expression::All(factors))
    }

    fn factor(&mut self, depth: usize) -> Result<Expression, String> {
        if depth == COMPARISONS_MAX {
            return Err("it is nested too deeply".to_owned());
        }
        if self.tokens.next_if(|token| token == "(").is_none() {
            return self.comparison();
        }
        let expression = self.expression(depth + 1)?;
        match self.tokens.next_if(|token| token == ")") {
            Some(_) => Ok(expression),
            None => Err("a ')' is missing".to_owned()),
        }
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS_MAX {
            return Err(format!("it has more than {COMPARISONS_MAX} comparisons"));
        }
        let name = self.word("a property")?;
        let property =
            find(&name, self.properties).ok_or_else(|| format!("'{name}' does not filter this list"))?;
        let operator = self.word("an operator")?;
        let operator = Operator::named(&operator).filter(|o| property.filters.contains(o));
        let operator = operator.ok_or_else(|| format!("'{name}' is not compared in this way"))?;
        let literal = self.word("a value")?;
        let value = literal_value(&literal, property.kind)
            .ok_or_else(|| format!("the value compared with '{name}' is of another kind"))?;
        Ok(Expression::Comparison { property: property.name, operator, value })
    }

    fn word(&mut self, expected: &str) -> Result<String, String> {
        self.tokens.next().ok_or_else(|| format!("{expected} is missing at the end"))
    }
}

/// Splits at white space and parentheses, but never inside quotes; a doubled quote is a quote.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let (mut tokens, mut current, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == '\'' {
            quoted = !quoted;
        }
        let apart = !quoted && (c.is_whitespace() || c == '(' || c == ')');
        if !apart {
            current.push(c);
            continue;
        }
        if !current.is_empty() {
            tokens.push(std::mem::take(&mut current));
        }
        if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    if quoted {
        return Err("a quote is missing".to_owned());
    }
    if !current.is_empty() {
        tokens.push(current);
    }
    Ok(tokens)
}

/// A literal in the form in which values of its kind are compared.
fn literal_value(literal: &str, kind: Kind) -> Option<String> {
    let quoted = |literal: &str| Some(literal.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"));
    match kind {
        Kind::Name => quoted(literal).map(|name| folded(&name)),
        Kind::Text => quoted(literal),
        Kind::Time => {
            let text = literal.strip_prefix("datetime").unwrap_or(literal);
            let text = quoted(text).unwrap_or_else(|| text.to_owned());
            Some(timestamp(OffsetDateTime::parse(&text, &Rfc3339).ok()?))
        }
        Kind::JobState => {
            let state = quoted(literal.strip_prefix("Microsoft.Media.JobState").unwrap_or(literal))?;
            JobState::ALL.iter().map(|state| state.as_str()).find(|name| *name == state).map(str::to_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROPERTIES: &[Property] = &[Property::NAME, Property::CREATED, Property::STATE];

    fn holds(filter: &str) -> Result<bool, String> {
        let value_of = |name: &str| match name {
            "name" => Some("show (1) o'hara".to_owned()),
            "state" => Some("Processing".to_owned()),
            _ => Some("2024-01-10T09:00:00.0000000Z".to_owned()),
        };
        parse(filter, PROPERTIES).map(|expression| expression.holds(&value_of))
    }

    #[test]
    fn names_states_and_times_are_compared() {
        assert_eq!(holds("name eq 'Show (1) O''Hara'"), Ok(true));
        assert_eq!(holds("properties/state eq Microsoft.Media.JobState'Processing'"), Ok(true));
        assert_eq!(holds("properties/state ne 'Processing'"), Ok(false));
        assert_eq!(holds("properties/created ge 2024-01-10T10:00:00+01:00"), Ok(true));
        assert_eq!(holds("properties/created gt datetime'2024-01-10T09:00:00Z'"), Ok(false));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert_eq!(holds("name eq 'x' and name eq 'y' or state eq 'Processing'"), Ok(true));
        assert_eq!(holds("name eq 'x' and (name eq 'y' or state eq 'Processing')"), Ok(false));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for filter in [
            "",
            "name",
            "name eq",
            "name eq x",
            "name eq 'x",
            "name like 'x'",
            "size eq '1'",
            "state gt 'Queued'",
            "state eq 'Done'",
            "created gt yesterday",
            "(name eq 'x'",
            "name eq 'x' name",
            "name eq 'x' and",
        ] {
            assert!(holds(filter).is_err(), "{filter}");
        }
        assert!(holds(&"(".repeat(10_000)).is_err());
        assert!(holds(&vec!["name eq 'x'"; 51].join(" or ")).is_err());
    }
}

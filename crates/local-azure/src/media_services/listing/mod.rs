//! Lists of resources: filtered, ordered, page by page. Not what the resources are.

mod filter;

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::answer::Call;
use crate::arm::ArmError;

use filter::{Expression, Operator};
pub(super) use filter::{Kind, Property};

/// A page of jobs had 100 of them; callers cannot choose another size.
const PAGE_LENGTH: usize = 100;

/// A resource that can be listed.
pub(super) trait Listed {
    /// What may be said of it in `$filter` and `$orderby`.
    const PROPERTIES: &'static [Property];

    /// The value of one of [`Self::PROPERTIES`], in the form in which it is compared; `None` where it has none.
    fn property(&self, name: &str) -> Option<String>;
}

/// One page, as it is answered.
#[derive(Serialize)]
pub(super) struct Page<V> {
    value: Vec<V>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// What a caller asked of a list.
pub(super) struct Listing {
    filter: Option<Expression>,
    order: Order,
    /// How many items are still wanted, over all pages.
    top: Option<usize>,
    after: Option<Position>,
}

struct Order {
    property: &'static str,
    descending: bool,
}

/// An item's place in the order: the property ordered by, then the name, which is unique.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    key: String,
    name: String,
}

impl Listing {
    pub fn of<T: Listed>(call: &Call) -> Result<Self, ArmError> {
        let filter = call.parameter("$filter").map(|text| filter::parse(text, T::PROPERTIES)).transpose();
        let filter = filter.map_err(|problem| invalid("$filter", &problem))?;
        let order = call.parameter("$orderby").map_or(Ok(Order::BY_NAME), |text| order::<T>(text))?;
        let top = call.parameter("$top").map(str::parse).transpose();
        let top = top.map_err(|_| invalid("$top", "it is not a number of items"))?;
        let after = call.parameter("$skiptoken").map(|token| {
            Position::from_token(token).ok_or_else(|| invalid("$skiptoken", "it is not from a nextLink"))
        });
        Ok(Self { filter, order, top, after: after.transpose()? })
    }

    /// Takes this page's items and shows them; `list_url` is where the next page is asked for.
    pub fn page<'a, T: Listed + 'a, V>(
        &self,
        items: impl Iterator<Item = &'a T>,
        call: &Call,
        list_url: &str,
        show: impl Fn(&'a T) -> V,
    ) -> Page<V> {
        let mut items = items
            .filter(|item| {
                self.filter.as_ref().is_none_or(|filter| filter.holds(&|name| item.property(name)))
            })
            .map(|item| (self.position(item), item))
            .filter(|(position, _)| self.after.as_ref().is_none_or(|a| self.compare(position, a).is_gt()))
            .collect::<Vec<_>>();
        items.sort_by(|(a, _), (b, _)| self.compare(a, b));
        let wanted = self.top.unwrap_or(items.len());
        let length = wanted.min(PAGE_LENGTH);
        let more = items.len().min(wanted) > length;
        items.truncate(length);
        let last = items.last().filter(|_| more);
        let next_link = last.map(|(position, _)| self.next_link(call, list_url, position));
        Page { value: items.into_iter().map(|(_, item)| show(item)).collect(), next_link }
    }

    fn position<T: Listed>(&self, item: &T) -> Position {
        let value = |name| item.property(name).unwrap_or_default();
        Position { key: value(self.order.property), name: value("name") }
    }

    fn compare(&self, a: &Position, b: &Position) -> Ordering {
        let by_key = a.key.cmp(&b.key);
        let by_key = if self.order.descending { by_key.reverse() } else { by_key };
        by_key.then_with(|| a.name.cmp(&b.name))
    }

    fn next_link(&self, call: &Call, list_url: &str, last: &Position) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let again = |name: &str| !["$skiptoken", "$top"].iter().any(|own| own.eq_ignore_ascii_case(name));
        query.extend_pairs(call.query.iter().filter(|(name, _)| again(name)));
        if let Some(top) = self.top {
            query.append_pair("$top", &(top - PAGE_LENGTH).to_string());
        }
        query.append_pair("$skiptoken", &last.token());
        format!("{list_url}?{}", query.finish())
    }
}

impl Order {
    const BY_NAME: Self = Self { property: "name", descending: false };
}

impl Position {
    fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\n{}", self.key, self.name))
    }

    fn from_token(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (key, name) = text.split_once('\n')?;
        Some(Self { key: key.to_owned(), name: name.to_owned() })
    }
}

fn order<T: Listed>(text: &str) -> Result<Order, ArmError> {
    let mut words = text.split_whitespace();
    let property = words.next().and_then(|name| filter::find(name, T::PROPERTIES)).filter(|p| p.orders);
    let property = property.ok_or_else(|| invalid("$orderby", "this property does not order this list"))?;
    let descending = match words.next() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(invalid("$orderby", "a property is followed by 'asc' or 'desc'")),
    };
    match words.next() {
        None => Ok(Order { property: property.name, descending }),
        Some(_) => Err(invalid("$orderby", "one property orders a list")),
    }
}

fn invalid(parameter: &str, problem: &str) -> ArmError {
    ArmError::bad_request(format!("The query parameter {parameter} is invalid: {problem}."))
}

impl Property {
    /// A name: compared without case.
    pub const NAME: Self = Self {
        name: "name",
        kind: Kind::Name,
        filters: &[Operator::Eq, Operator::Gt, Operator::Ge, Operator::Lt, Operator::Le],
        orders: true,
    };
    /// When the resource was made.
    pub const CREATED: Self = Self::time("created");
    /// When the resource was changed.
    pub const LAST_MODIFIED: Self = Self::time("lastModified");
    /// A job's state.
    pub const STATE: Self =
        Self { name: "state", kind: Kind::JobState, filters: &[Operator::Eq, Operator::Ne], orders: false };

    /// A text that is only compared for equality.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, filters: &[Operator::Eq], orders: false }
    }

    const fn time(name: &'static str) -> Self {
        let filters = &[Operator::Gt, Operator::Ge, Operator::Lt, Operator::Le];
        Self { name, kind: Kind::Time, filters, orders: true }
    }
}

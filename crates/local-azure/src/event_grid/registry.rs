//! Which topics there are. Not what they do.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::StatusCode;

use super::InputSchema;
use super::topic::{Access, Topic};
use crate::arm::ArmError;

/// Documented: custom topics in a subscription and region; as many system topics are plenty.
const TOPICS_MAX: usize = 100;
/// Documented: characters of a custom topic's name, which is a host name in Azure.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=50;
/// Documented: how a custom topic's name must not begin.
const RESERVED_NAMES: [&str; 3] = ["microsoft", "eventgrid", "system"];

/// All topics by ARM id, which knows no case.
#[derive(Debug, Default)]
pub(super) struct Topics(RwLock<BTreeMap<String, Arc<Topic>>>);

impl Topics {
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn by_id(&self, id: &str) -> Option<Arc<Topic>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id.to_lowercase()).cloned()
    }

    /// A custom topic.
    pub fn custom(&self, name: &str) -> Option<Arc<Topic>> {
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().find(|topic| topic.access.is_some() && topic.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// A custom topic or, failing that, a system topic.
    pub fn named(&self, name: &str) -> Option<Arc<Topic>> {
        let system = || self.all().into_iter().find(|topic| topic.name.eq_ignore_ascii_case(name));
        self.custom(name).or_else(system)
    }

    /// Makes a custom topic, or changes how publishers get into the one that is there.
    pub fn put_custom(
        &self,
        name: &str,
        id: &str,
        schema: InputSchema,
        access: Access,
    ) -> Result<Arc<Topic>, ArmError> {
        check_name(name)?;
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let same_name = |topic: &&Arc<Topic>| topic.access.is_some() && topic.name.eq_ignore_ascii_case(name);
        if let Some(there) = topics.values().find(same_name) {
            return change(there, id, schema, &access);
        }
        make(&mut topics, name, id, schema, Some(access))
    }

    /// The system topic of a resource, made when it is first asked for.
    pub fn system(&self, resource: &str) -> Result<Arc<Topic>, ArmError> {
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = topics.get(&resource.to_lowercase()) {
            return Ok(Arc::clone(there));
        }
        let name = resource.rsplit('/').next().unwrap_or_default();
        make(&mut topics, name, resource, InputSchema::EventGridSchema, None)
    }

    /// Removes a topic and ends its subscriptions.
    pub fn remove(&self, id: &str) {
        let removed = self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id.to_lowercase());
        if let Some(topic) = removed {
            topic.close();
        }
    }
}

fn make(
    topics: &mut BTreeMap<String, Arc<Topic>>,
    name: &str,
    id: &str,
    schema: InputSchema,
    access: Option<Access>,
) -> Result<Arc<Topic>, ArmError> {
    let is_custom = access.is_some();
    if topics.values().filter(|topic| topic.access.is_some() == is_custom).count() >= TOPICS_MAX {
        return Err(ArmError::bad_request(format!("There can be at most {TOPICS_MAX} topics of a kind.")));
    }
    let topic = Arc::new(Topic::new(name.to_owned(), id.into(), schema, access));
    topics.insert(id.to_lowercase(), Arc::clone(&topic));
    Ok(topic)
}

/// The input schema cannot be changed; keys stay until they are regenerated.
fn change(
    there: &Arc<Topic>,
    id: &str,
    schema: InputSchema,
    access: &Access,
) -> Result<Arc<Topic>, ArmError> {
    if !there.id.eq_ignore_ascii_case(id) {
        let message = format!("The topic name '{}' is taken.", there.name);
        return Err(ArmError::new(StatusCode::CONFLICT, "Conflict", message));
    }
    if there.schema != schema {
        return Err(ArmError::bad_request("The inputSchema of a topic cannot be changed."));
    }
    if let Some(lock) = &there.access {
        lock.write().unwrap_or_else(PoisonError::into_inner).bearer_only = access.bearer_only;
    }
    Ok(Arc::clone(there))
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let lower_case = name.to_ascii_lowercase();
    let is_valid = NAME_CHARS.contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !RESERVED_NAMES.iter().any(|reserved| lower_case.starts_with(reserved));
    match is_valid {
        true => Ok(()),
        false => Err(ArmError::bad_request(format!(
            "The topic name '{name}' is invalid: 3 to 50 letters, digits and hyphens, not beginning with Microsoft, \
             EventGrid or System."
        ))),
    }
}

//! Resources of one kind by their keys, which know what changed among them. Not where they are written.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Changes, Folder, UnusableFolder};
use crate::documents::file_name;

/// Resources of one kind. Reading is a map's; each change is noted as soon as there is somebody to write it.
pub(in crate::media_services) struct Records<K, V> {
    /// The folder of their documents.
    kind: &'static str,
    all: BTreeMap<K, V>,
    changed: BTreeSet<K>,
    changes: Option<Arc<Changes>>,
    /// Whether documents of an earlier process could not be read.
    is_incomplete: bool,
}

/// A document that is to be written, or removed when it has no content.
pub(in crate::media_services) struct Document {
    /// Below the account's folder.
    pub file: PathBuf,
    pub content: Option<Vec<u8>>,
}

/// A resource as its document holds it.
#[derive(Serialize)]
struct Written<'a, K, V> {
    key: &'a K,
    record: &'a V,
}

#[derive(Deserialize)]
struct Read<K, V> {
    key: K,
    record: V,
}

/// Records of any kind, for those who write them.
pub(in crate::media_services) trait Kept {
    /// Takes up what an earlier process kept, and notes changes from now on. What cannot be read is set aside, and its
    /// files are named.
    fn keep(
        &mut self,
        folder: &Folder,
        changes: &Arc<Changes>,
        set_aside: &mut Vec<PathBuf>,
    ) -> Result<(), UnusableFolder>;

    /// The documents of what changed since this was last asked.
    fn take_changed(&mut self) -> Vec<Document>;
}

impl<K: Ord + Clone, V> Records<K, V> {
    pub fn new(kind: &'static str) -> Self {
        Self::starting_with(kind, BTreeMap::new())
    }

    /// Records some of which are there from the start. Those have no documents until they change.
    pub fn starting_with(kind: &'static str, all: BTreeMap<K, V>) -> Self {
        Self { kind, all, changed: BTreeSet::new(), changes: None, is_incomplete: false }
    }

    /// Whether documents of an earlier process could not be read: what they said, nobody knows.
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if self.all.contains_key(key) {
            self.note(key);
        }
        self.all.get_mut(key)
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.note(&key);
        self.all.insert(key, value)
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.note(&key);
        self.all.entry(key)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.all.remove(key);
        if removed.is_some() {
            self.note(key);
        }
        removed
    }

    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        let mut gone = Vec::new();
        self.all.retain(|key, value| {
            let stays = stays(key, value);
            if !stays {
                gone.push(key.clone());
            }
            stays
        });
        gone.iter().for_each(|key| self.note(key));
    }

    fn note(&mut self, key: &K) {
        if let Some(changes) = &self.changes {
            self.changed.insert(key.clone());
            changes.note();
        }
    }
}

impl<K, V> Deref for Records<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.all
    }
}

impl<K, V> Kept for Records<K, V>
where
    K: Ord + Clone + Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    fn keep(
        &mut self,
        folder: &Folder,
        changes: &Arc<Changes>,
        set_aside: &mut Vec<PathBuf>,
    ) -> Result<(), UnusableFolder> {
        let before = set_aside.len();
        let read = folder.read::<Read<K, V>>(self.kind, set_aside)?;
        self.is_incomplete = set_aside.len() > before;
        self.all.extend(read.into_iter().map(|Read { key, record }| (key, record)));
        self.changes = Some(Arc::clone(changes));
        Ok(())
    }

    fn take_changed(&mut self) -> Vec<Document> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|key| self.document(key)).collect()
    }
}

impl<K: Ord + Serialize, V: Serialize> Records<K, V> {
    fn document(&self, key: &K) -> Option<Document> {
        let written = |record| serde_json::to_vec(&Written { key, record });
        let named = serde_json::to_string(key);
        match (named, self.all.get(key).map(written).transpose()) {
            (Ok(key), Ok(content)) => {
                Some(Document { file: Path::new(self.kind).join(file_name(&key)), content })
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(kind = self.kind, %error, "a resource cannot be written and will not survive");
                None
            }
        }
    }
}

//! Records on disk: one JSON file per blob and per container, replaced in one step. Not the content, which lies beside
//! them and never changes.
//!
//! `accounts/<account>/<container>/container.json`, `accounts/<account>/<container>/<hash of the name>.json` and
//! `content/<file>`. Uncommitted blocks have no record: an upload that a restart interrupts begins anew.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::blob::{Blob, Container, Entry};
use super::content::{ContentFile, Part, Shelf};
use super::path::{BlobPath, ContainerPath};
use super::settings::OpenError;
use super::stamp::Stamps;
use crate::documents::file_name;

const CONTAINER_RECORD: &str = "container.json";

/// What an earlier process kept: containers by account.
pub type Kept = BTreeMap<String, BTreeMap<String, Container>>;

/// A folder this process keeps its accounts in.
pub struct Folder {
    accounts: PathBuf,
    content: PathBuf,
    /// While set, content stays on disk whoever lets go of it.
    closed: Arc<AtomicBool>,
    /// One record is written at a time, from the state at that moment: the last one written is the newest.
    turn: Mutex<()>,
    /// Accounts in the folder that the settings do not name, held so that nothing removes their content.
    others: Kept,
}

impl Folder {
    /// Takes up what is in the folder, which is made if it is not there. Content no record refers to is removed.
    pub fn open(root: &Path, stamps: &Stamps) -> Result<(Self, Kept), OpenError> {
        let folder = Self {
            accounts: root.join("accounts"),
            content: root.join("content"),
            closed: Arc::new(AtomicBool::new(true)),
            turn: Mutex::default(),
            others: Kept::new(),
        };
        for path in [&folder.accounts, &folder.content] {
            fs::create_dir_all(path).map_err(|e| OpenError::Folder(path.clone(), e))?;
        }
        let mut reading = Reading { folder: &folder, stamps, files: HashMap::new() };
        let kept = reading.accounts()?;
        let files = reading.files;
        folder.sweep(&files)?;
        Ok((folder, kept))
    }

    /// From here on, content goes when the last blob that has it goes.
    pub fn begin(&mut self, others: Kept) {
        self.others = others;
        self.closed.store(false, Ordering::Relaxed);
    }

    /// From here on, content stays for the next process.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Where new content goes.
    pub fn shelf(&self, stamps: Arc<Stamps>) -> Shelf {
        Shelf::Folder { content: self.content.clone(), stamps, closed: self.closed.clone() }
    }

    /// Writes what is present under a blob's name, or removes its record when nothing is.
    pub async fn save_blob(
        &self,
        path: &BlobPath,
        present: impl FnOnce() -> Option<Entry>,
    ) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let (folder, name) = (self.container(&path.container), file_name(&path.name));
        match present().filter(|entry| entry.blob.is_some()) {
            Some(entry) => replace(&folder, &name, &EntryRecord::new(&path.name, &entry)).await,
            None => remove_if_there(tokio::fs::remove_file(folder.join(name)).await),
        }
    }

    /// Writes what a container is, or removes all its records when it is no more.
    pub async fn save_container(
        &self,
        path: &ContainerPath,
        present: impl FnOnce() -> Option<Container>,
    ) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let folder = self.container(path);
        match present() {
            Some(container) => replace(&folder, CONTAINER_RECORD, &container).await,
            None => remove_if_there(tokio::fs::remove_dir_all(&folder).await),
        }
    }

    fn container(&self, path: &ContainerPath) -> PathBuf {
        self.accounts.join(&path.account).join(&path.name)
    }

    fn sweep(&self, named: &HashMap<String, Arc<ContentFile>>) -> Result<(), OpenError> {
        for path in list(&self.content)? {
            if !named.contains_key(&name(&path)) {
                fs::remove_file(&path).map_err(|e| OpenError::Folder(path, e))?;
            }
        }
        Ok(())
    }
}

async fn replace(folder: &Path, name: &str, record: &impl Serialize) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let file = folder.join(name);
    let unfinished = file.with_extension("new");
    tokio::fs::write(&unfinished, serde_json::to_vec(record)?).await?;
    tokio::fs::rename(&unfinished, &file).await
}

fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What is on disk about everything under one name.
#[derive(Serialize, Deserialize)]
struct EntryRecord {
    name: String,
    blob: BlobRecord,
    snapshots: BTreeMap<String, BlobRecord>,
}

#[derive(Serialize, Deserialize)]
struct BlobRecord {
    blob: Blob,
    content: Vec<PartRecord>,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    file: String,
    bytes: u64,
}

impl EntryRecord {
    fn new(name: &str, entry: &Entry) -> Self {
        let snapshot = |(time, blob): (&String, &Arc<Blob>)| (time.clone(), BlobRecord::new(blob));
        Self {
            name: name.to_owned(),
            blob: entry.blob.as_deref().map(BlobRecord::new).expect("only entries with a blob are recorded"),
            snapshots: entry.snapshots.iter().map(snapshot).collect(),
        }
    }
}

impl BlobRecord {
    fn new(blob: &Blob) -> Self {
        let part = |part: &Part| match part {
            Part::File(file, bytes) => Some(PartRecord { file: file.name(), bytes: *bytes }),
            Part::Memory(_) => None,
        };
        Self { blob: blob.clone(), content: blob.content.parts().iter().filter_map(part).collect() }
    }
}

/// The start of a process: everything on disk is read once.
struct Reading<'a> {
    folder: &'a Folder,
    stamps: &'a Stamps,
    /// Content files by name, each shared by all records that refer to it.
    files: HashMap<String, Arc<ContentFile>>,
}

impl Reading<'_> {
    fn accounts(&mut self) -> Result<Kept, OpenError> {
        let mut kept = Kept::new();
        for account in list(&self.folder.accounts)? {
            let containers = kept.entry(name(&account)).or_default();
            for container in list(&account)? {
                // A container without its record was being removed when the process stopped.
                if container.join(CONTAINER_RECORD).exists() {
                    containers.insert(name(&container), self.container(&container)?);
                }
            }
        }
        Ok(kept)
    }

    fn container(&mut self, path: &Path) -> Result<Container, OpenError> {
        let mut container: Container = read(&path.join(CONTAINER_RECORD))?;
        self.stamps.go_on_after(container.stamp);
        for file in list(path)? {
            if file.extension() == Some(OsStr::new("json")) && !file.ends_with(CONTAINER_RECORD) {
                let record: EntryRecord = read(&file)?;
                let snapshots = record.snapshots.into_iter();
                let entry = Entry {
                    blob: Some(self.blob(record.blob)),
                    snapshots: snapshots.map(|(time, blob)| (time, self.blob(blob))).collect(),
                    uncommitted: BTreeMap::new(),
                };
                container.blobs.insert(record.name, entry);
            }
        }
        Ok(container)
    }

    fn blob(&mut self, record: BlobRecord) -> Arc<Blob> {
        self.stamps.go_on_after(record.blob.stamp);
        let content =
            record.content.into_iter().map(|part| Part::File(self.file(part.file), part.bytes)).collect();
        Arc::new(Blob { content, ..record.blob })
    }

    fn file(&mut self, name: String) -> Arc<ContentFile> {
        let Folder { content, closed, .. } = self.folder;
        let open = |name: &String| Arc::new(ContentFile::new(content.join(name), closed.clone()));
        self.files.entry(name).or_insert_with_key(open).clone()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let paths =
        || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = paths().map_err(|e| OpenError::Folder(folder.to_owned(), e))?;
    paths.sort();
    Ok(paths)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, OpenError> {
    let text = fs::read(file).map_err(|e| OpenError::Folder(file.to_owned(), e))?;
    serde_json::from_slice(&text).map_err(|e| OpenError::Record(file.to_owned(), e))
}

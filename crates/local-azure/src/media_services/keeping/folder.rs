//! An account's folder: documents replaced in one step, and what cannot be read set aside. Not what is in them.
//!
//! Nothing is forced to the disk: what is written survives the process, however it ends, and not always a power cut.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Document, UnusableFolder};

/// Documents hold keys and signed URLs: only their owner reads them.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The extension of documents, of such as are being written, and of such as could not be read.
const DOCUMENT: &str = "json";
const UNFINISHED: &str = "new";
const UNREADABLE: &str = "unreadable";

/// An account's folder.
#[derive(Clone)]
pub(in crate::media_services) struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// All documents of a kind, whose folder is made if it is not there. What is no document is set aside, and its files
    /// are named. What the disk does not let us read may be a good one: nobody goes on without it.
    pub fn read<T: DeserializeOwned>(
        &self,
        kind: &str,
        set_aside: &mut Vec<PathBuf>,
    ) -> Result<Vec<T>, UnusableFolder> {
        let folder = self.0.join(kind);
        let files = made_and_listed(&folder);
        let files = files.map_err(|problem| UnusableFolder { path: folder, problem })?;
        let mut documents = Vec::with_capacity(files.len());
        for file in files {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some(DOCUMENT) => match fs::read(&file).map(|text| parse(&text)) {
                    Ok(Ok(document)) => documents.push(document),
                    Ok(Err(problem)) => set_aside.push(aside(&file, &problem)),
                    Err(problem) => return Err(UnusableFolder { path: file, problem }),
                },
                // Its process ended while it wrote, and nobody was told that it had.
                Some(UNFINISHED) => drop(fs::remove_file(&file)),
                _ => {}
            }
        }
        Ok(documents)
    }

    /// Writes or removes a document.
    pub fn write(&self, document: &Document) -> Result<(), UnusableFolder> {
        let file = self.0.join(&document.file);
        let written = match &document.content {
            Some(content) => replace(&file, content),
            None => remove(&file),
        };
        written.map_err(|problem| UnusableFolder { path: file, problem })
    }
}

fn made_and_listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// The problem is told without values, which may be secrets.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
    })
}

/// Puts a file where it is not read again; returns where it is then.
fn aside(file: &Path, problem: &str) -> PathBuf {
    let aside = file.with_extension(UNREADABLE);
    let renamed = fs::rename(file, &aside);
    let (file, to) = (file.display(), aside.display());
    match renamed {
        Ok(()) => tracing::error!(%file, problem, %to, "a document is set aside"),
        Err(error) => tracing::error!(%file, problem, %error, "a document is passed over"),
    }
    aside
}

fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = file.with_extension(UNFINISHED);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    options.open(&unfinished)?.write_all(content)?;
    fs::rename(&unfinished, file)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

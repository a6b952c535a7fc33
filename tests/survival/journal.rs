//! Everything that was seen of a run, line by line in a file, so that the story of one operation can be told afterwards without
//! keeping all of them in memory. Judges nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::mix::mark;

/// Longer stories are cut: an operation has some twenty lines.
const LINES_MAX: usize = 80;

/// The journal of one run.
pub struct Journal {
    file: Mutex<BufWriter<File>>,
    path: PathBuf,
    began: Instant,
}

impl Journal {
    /// A new journal in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        let path = folder.join("journal.txt");
        let file = Mutex::new(BufWriter::new(File::create(&path).unwrap()));
        Self { file, path, began: Instant::now() }
    }

    /// Adds a line.
    pub fn note(&self, line: std::fmt::Arguments<'_>) {
        let seconds = self.began.elapsed().as_secs_f64();
        writeln!(self.file.lock().unwrap_or_else(PoisonError::into_inner), "{seconds:10.4} {line}").unwrap();
    }

    /// The lines that name an operation, with what happened to everybody.
    pub fn story(&self, operation: usize) -> String {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush().unwrap();
        let mark = mark(operation);
        let lines = BufReader::new(File::open(&self.path).unwrap()).lines().map(Result::unwrap);
        lines.filter(|line| line.contains(&mark)).take(LINES_MAX).collect::<Vec<_>>().join("\n")
    }
}

//! Names of JSON documents on disk. Not what is in them.

use sha2::{Digest as _, Sha256};

/// The file of the document under a key. Keys are longer than file names may be, and hold characters these may not.
pub(crate) fn file_name(key: &str) -> String {
    let hash = Sha256::digest(key);
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    hex + ".json"
}

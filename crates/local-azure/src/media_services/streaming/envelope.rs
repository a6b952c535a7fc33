//! Envelope encryption: whole segments, as HLS has it. Not which key.

use std::path::{Path, PathBuf};

use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::error::StreamError;
use super::request::Part;
use super::segments::Track;

/// Encrypts all segments where they are.
pub(super) async fn encrypt_all(folder: PathBuf, key: [u8; 16], tracks: &[Track]) -> Result<(), StreamError> {
    let parts = tracks.iter().flat_map(|track| {
        track.segments.iter().map(|segment| (segment.number, Part::Segment(track.number, segment.number)))
    });
    let parts = parts.collect::<Vec<_>>();
    let encrypting = tokio::task::spawn_blocking(move || {
        parts.into_iter().try_for_each(|(number, part)| encrypt(&folder.join(part.to_string()), key, number))
    });
    encrypting.await.map_err(|_| StreamError::internal("Encrypting segments was given up."))?
}

/// AES-128 of a whole segment with PKCS #7 padding (RFC 8216, 4.3.2.4). A playlist without an `IV` attribute means the
/// segment's media sequence number, which here is the segment's number.
fn encrypt(file: &Path, key: [u8; 16], number: usize) -> Result<(), StreamError> {
    let failed = |_| StreamError::internal("A segment could not be encrypted.");
    let mut content = std::fs::read(file)?;
    let key = UnboundCipherKey::new(&AES_128, &key)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .map_err(failed)?;
    let iv = (number as u128).to_be_bytes();
    key.less_safe_encrypt(&mut content, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(failed)?;
    Ok(std::fs::write(file, content)?)
}

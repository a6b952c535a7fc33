//! The checksums Blob Storage keeps and verifies: MD5 and its CRC-64. Not a proof of who sent something.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::error::{self, StorageError};

/// The polynomial of `x-ms-content-crc64`, bit-reversed (Azure's storage client libraries have it as
/// `0x9A6C9329AC4BC9B5`; elsewhere it is known as CRC-64/NVME). All bits of the register start and end inverted.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
const TABLE: [u64; 256] = table();

/// Both checksums of a text that arrives in pieces.
#[derive(Clone)]
pub struct Checksums {
    md5: Md5,
    crc64: u64,
}

impl Checksums {
    pub fn new() -> Self {
        Self { md5: Md5::new(), crc64: u64::MAX }
    }

    /// The checksums of a text that is all there.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sums = Self::new();
        sums.update(bytes);
        sums
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc64 =
            bytes.iter().fold(self.crc64, |crc, byte| TABLE[((crc as u8) ^ byte) as usize] ^ (crc >> 8));
    }

    /// As in `Content-MD5`.
    pub fn md5(&self) -> String {
        STANDARD.encode(self.md5.clone().finalize())
    }

    /// As in `x-ms-content-crc64`: little-endian.
    pub fn crc64(&self) -> String {
        STANDARD.encode((!self.crc64).to_le_bytes())
    }

    /// Refuses what was damaged on its way, by the checksums its sender gave.
    pub fn verify(&self, md5: Option<&str>, crc64: Option<&str>) -> Result<(), StorageError> {
        if let Some(md5) = md5 {
            self.verify_md5(md5)?;
        }
        match crc64 {
            Some(crc64) if crc64 != self.crc64() => Err(error::CRC64_MISMATCH),
            _ => Ok(()),
        }
    }

    fn verify_md5(&self, given: &str) -> Result<(), StorageError> {
        if STANDARD.decode(given).map(|md5| md5.len()) != Ok(16) {
            return Err(error::INVALID_MD5);
        }
        match given == self.md5() {
            true => Ok(()),
            false => Err(error::MD5_MISMATCH.with("ServerCalculatedMd5", self.md5())),
        }
    }
}

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-64/NVME for `123456789`, and what the official Python client's native code gives.
    #[test]
    fn crc64_agrees_with_published_vectors() {
        assert_eq!(STANDARD.encode(0xAE8B_1486_0A79_9888_u64.to_le_bytes()), "iJh5CoYUi64=");
        assert_eq!(Checksums::of(b"123456789").crc64(), "iJh5CoYUi64=");
        assert_eq!(Checksums::of(b"").crc64(), "AAAAAAAAAAA=");
        assert_eq!(Checksums::of(b"Hello, World!").crc64(), "TdKtJkO+qdQ=");
    }

    /// RFC 1321, appendix A.5.
    #[test]
    fn md5_agrees_with_its_rfc() {
        assert_eq!(
            Checksums::of(b"abc").md5(),
            STANDARD.encode([
                0x90, 0x01, 0x50, 0x98, 0x3C, 0xD2, 0x4F, 0xB0, 0xD6, 0x96, 0x3F, 0x7D, 0x28, 0xE1, 0x7F,
                0x72
            ])
        );
    }
}

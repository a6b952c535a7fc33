//! The settings of `[analysis]`. Not what is done with them.

use serde::Deserialize;

use super::values::words;

/// `[analysis]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisConfig {
    /// MediaInfo's command line; empty for none.
    pub program: String,
    /// How much of a file it reads, from 0 to 1.
    pub parse_speed: f64,
    /// The most that one analysis may read of a blob, in bytes.
    pub bytes_max: u64,
    /// How long one analysis may take.
    pub seconds_max: u64,
    /// Analyses that run at once.
    pub at_once: usize,
    /// What the kernel must keep it from, or else nothing is analyzed.
    pub confinement: Confinement,
}

/// What the kernel must keep a program from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Confinement {
    /// Files and addresses that are none of its business.
    Full,
    /// Files that are none of its business.
    Files,
    /// Nothing: what is analyzed is trusted.
    None,
}

words!(Confinement { "full" => Full, "files" => Files, "none" => None });

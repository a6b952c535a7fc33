//! Finds a job's input files and brings them to the encoder. What is in them, the encoder finds out.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::input::{AssetInput, Clip, ClipInput, ClipTime, HttpInput, JobInput};
use super::track_selection::InputDefinition;
use super::workspace::Workspace;
use super::{JobError, JobErrorCode};
use crate::inside::BlobPlace;
use crate::inside::{BlobFile, BlobFileError, BlobFiles};
use crate::media_services::account::Account;
use crate::media_services::resource::folded;

/// "Quotas and limits": videos per job, which bounds what a whole container may bring.
const FILES_MAX: usize = 100;
/// "Quotas and limits": the largest file for standard encoding, 260 GB; here for all of a job's files together.
const BYTES_MAX: u64 = 260_000_000_000;

/// A job's input files, in order.
#[derive(Debug)]
pub(crate) struct Sources<F> {
    pub clips: Vec<SourceClip<F>>,
    /// One clip after the other, instead of side by side.
    pub is_sequence: bool,
}

/// Files of one input, and which part of them is meant.
#[derive(Debug)]
pub(crate) struct SourceClip<F> {
    pub files: Vec<F>,
    /// Whether the caller named the files: then each has to be media.
    pub named: bool,
    /// What presets may call it.
    pub label: Option<String>,
    /// Which tracks are meant; none is the usual choice.
    pub definitions: Vec<InputDefinition>,
    pub start: Option<Duration>,
    pub end: Option<Duration>,
}

/// A file in storage.
#[derive(Debug)]
pub(super) struct FoundFile {
    place: BlobPlace,
    bytes: u64,
}

/// A file beside the encoder.
#[derive(Debug)]
pub(crate) struct FetchedFile {
    /// The blob's name.
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
}

/// Finds all files of a job's input.
pub(super) async fn find(account: &Account, input: &JobInput) -> Result<Sources<FoundFile>, JobError> {
    let sources = match input {
        JobInput::Asset(input) => side_by_side(vec![find_asset(account, input).await?]),
        JobInput::Http(input) => side_by_side(vec![find_http(account, input).await?]),
        JobInput::Sequence { inputs } => find_sequence(account, inputs).await?,
        JobInput::Several { inputs } => find_several(account, inputs).await?,
    };
    let files = sources.clips.iter().flat_map(|clip| &clip.files);
    let (count, bytes) =
        files.fold((0, 0_u64), |(count, bytes), f| (count + 1, bytes.saturating_add(f.bytes)));
    if count > FILES_MAX || bytes > BYTES_MAX {
        let message = format!(
            "The input has {count} files and {bytes} bytes; {FILES_MAX} and {BYTES_MAX} are the limits."
        );
        return Err(JobError::unsupported_configuration(message));
    }
    Ok(sources)
}

/// Brings all files to the workspace.
pub(super) async fn download(
    account: &Account,
    sources: Sources<FoundFile>,
    workspace: &Workspace,
) -> Result<Sources<FetchedFile>, JobError> {
    workspace.make().await?;
    let mut clips = Vec::with_capacity(sources.clips.len());
    for clip in sources.clips {
        let mut files = Vec::with_capacity(clip.files.len());
        for FoundFile { place, bytes } in clip.files {
            let path = workspace.path_of_input();
            let blobs = &account.environment.blobs;
            let read = blobs.read_to_file(&place.account, &place.container, &place.blob, &path).await;
            read.map_err(|error| not_fetched(&place.blob, &error))?;
            files.push(FetchedFile { name: place.blob, path, bytes });
        }
        let SourceClip { named, label, definitions, start, end, .. } = clip;
        clips.push(SourceClip { files, named, label, definitions, start, end });
    }
    Ok(Sources { clips, is_sequence: sources.is_sequence })
}

fn side_by_side(clips: Vec<SourceClip<FoundFile>>) -> Sources<FoundFile> {
    Sources { clips, is_sequence: false }
}

async fn find_sequence(account: &Account, inputs: &[ClipInput]) -> Result<Sources<FoundFile>, JobError> {
    let mut clips = Vec::with_capacity(inputs.len());
    for input in inputs {
        clips.push(match input {
            ClipInput::Asset(input) => find_asset(account, input).await?,
            ClipInput::Http(input) => find_http(account, input).await?,
        });
    }
    Ok(Sources { clips, is_sequence: true })
}

/// Inputs side by side. A sequence has room beside it only for inputs with a label, which may be overlays.
async fn find_several(account: &Account, inputs: &[JobInput]) -> Result<Sources<FoundFile>, JobError> {
    let (mut clips, mut is_sequence) = (Vec::with_capacity(inputs.len()), false);
    for input in inputs {
        match input {
            JobInput::Asset(input) => clips.push(find_asset(account, input).await?),
            JobInput::Http(input) => clips.push(find_http(account, input).await?),
            JobInput::Sequence { inputs } if !is_sequence => {
                is_sequence = true;
                clips.extend(find_sequence(account, inputs).await?.clips);
            }
            JobInput::Sequence { .. } | JobInput::Several { .. } => {
                let message = "More than one JobInputSequence beside each other is not offered.";
                return Err(JobError::unsupported_configuration(message));
            }
        }
    }
    let beside = inputs.iter().filter(|input| !matches!(input, JobInput::Sequence { .. }));
    if is_sequence && beside.clone().any(|input| input.label().is_none()) {
        let message = "Beside a JobInputSequence, only inputs with a label are offered: for overlays.";
        return Err(JobError::unsupported_configuration(message));
    }
    Ok(Sources { clips, is_sequence })
}

async fn find_asset(account: &Account, input: &AssetInput) -> Result<SourceClip<FoundFile>, JobError> {
    let place = account.holdings().assets.get(&folded(&input.asset_name)).map(|asset| {
        let (account, container) = (asset.storage_account.clone(), asset.container.clone());
        (account, container)
    });
    let missing = || inaccessible(format!("The input asset '{}' does not exist any more.", input.asset_name));
    let (storage, container) = place.ok_or_else(missing)?;
    let listed = list(account, &storage, &container).await?;
    let found = |file: BlobFile| FoundFile {
        place: BlobPlace { account: storage.clone(), container: container.clone(), blob: file.name },
        bytes: file.bytes,
    };
    let wanted = &input.clip.files;
    if !wanted.is_empty() {
        let files = wanted.iter().map(|name| {
            let file = listed.iter().find(|file| file.name == *name).cloned();
            file.map(found).ok_or_else(|| inaccessible(format!("The input asset has no file '{name}'.")))
        });
        return Ok(clip(&input.clip, files.collect::<Result<_, _>>()?));
    }
    if listed.is_empty() {
        return Err(inaccessible(format!("The input asset '{}' has no files.", input.asset_name)));
    }
    Ok(clip(&input.clip, listed.into_iter().map(found).collect()))
}

async fn find_http(account: &Account, input: &HttpInput) -> Result<SourceClip<FoundFile>, JobError> {
    let mut files = Vec::new();
    for url in input.urls() {
        let url = Url::parse(&url).map_err(|_| inaccessible("An input is not a URL.".to_owned()))?;
        let place = account.environment.links.readable_blob(&url).ok_or_else(|| {
            let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
            inaccessible(format!("The input {shown} is not a blob of this cloud that the URL lets read."))
        })?;
        let listed = list(account, &place.account, &place.container).await?;
        let bytes = listed.iter().find(|file| file.name == place.blob).map(|file| file.bytes);
        let bytes =
            bytes.ok_or_else(|| inaccessible(format!("The input blob '{}' does not exist.", place.blob)))?;
        files.push(FoundFile { place, bytes });
    }
    Ok(clip(&input.clip, files))
}

async fn list(account: &Account, storage: &str, container: &str) -> Result<Vec<BlobFile>, JobError> {
    let blobs: &dyn BlobFiles = &*account.environment.blobs;
    blobs.list(storage, container).await.map_err(|error| not_fetched(container, &error))
}

fn clip(clip: &Clip, files: Vec<FoundFile>) -> SourceClip<FoundFile> {
    let length = |time: &Option<ClipTime>| match time {
        Some(ClipTime::Absolute { time }) => Some(time.length()),
        Some(ClipTime::Utc { .. }) | None => None,
    };
    SourceClip {
        files,
        named: !clip.files.is_empty(),
        label: clip.label.clone(),
        definitions: clip.input_definitions.clone(),
        start: length(&clip.start),
        end: length(&clip.end),
    }
}

fn inaccessible(message: String) -> JobError {
    JobError::new(JobErrorCode::DownloadNotAccessible, message)
}

fn not_fetched(what: &str, error: &BlobFileError) -> JobError {
    let code = match error {
        BlobFileError::NotFound(_) | BlobFileError::Unreadable(..) => JobErrorCode::DownloadNotAccessible,
        BlobFileError::Failed(_) => JobErrorCode::DownloadTransientError,
    };
    JobError::new(code, format!("The input '{what}' cannot be read: {error}."))
}

//! Thumbnails: which pictures of an input, in which size, one by one or on a sheet (a sprite).

use super::standard::sizes;
use super::{Treatment, base, resolution, sprite, video_of};
use crate::media_services::ffmpeg::filename::{BASE_CHARS_MAX, Facts, expand};
use crate::media_services::ffmpeg::findings::Findings;
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{Codec, Format, Image, ImageLayer, Position, StandardPreset};

/// A contact sheet of an evening's movie; more is a mistake in `step`.
const IMAGES_MAX: u32 = 1_000;
/// `step` and `range` where they are absent.
const STEP: &str = "10%";
const RANGE: &str = "100%";
/// JPEG quality where a layer says nothing.
const QUALITY: u32 = 70;
/// Frames per second where the input does not say: only to count frames in time.
const FRAME_RATE: f64 = 30.0;
/// Steps of so many key frame distances miss a wanted picture by at most half a step if only key frames are looked at.
const STEP_IN_KEY_FRAME_DISTANCES_MIN: f64 = 2.0;

/// One size of thumbnails.
#[derive(Debug)]
pub(crate) struct PlannedImages {
    pub kind: ImageKind,
    pub when: When,
    pub size: (u32, u32),
    pub picture: (u32, u32),
    /// On a sheet of so many columns and rows, and not one by one.
    pub sheet: Option<(u32, u32)>,
    /// How long the input is, in seconds.
    pub length: f64,
    pattern: String,
    facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageKind {
    /// With a quality from 0 to 100.
    Jpg(u32),
    Png,
}

/// Which pictures are taken, in seconds from the start of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    /// One that looks like its neighbours.
    Best,
    /// The first at or after each step.
    Every { start: f64, step: f64, count: u32 },
}

impl ImageKind {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpg(_) => ".jpg",
            Self::Png => ".png",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpg(_) => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

impl PlannedImages {
    /// The name of the how-manieth picture, from 1.
    pub fn name(&self, index: usize) -> String {
        expand(&self.pattern, &Facts { index: format!("{index:06}"), ..self.facts.clone() })
    }

    /// The name of the text that goes with a sheet.
    pub fn name_of_web_vtt(&self) -> String {
        let name = self.name(1);
        format!("{}.vtt", name.strip_suffix(self.facts.extension).unwrap_or(&name))
    }
}

/// Whether the pictures are so far apart that the nearest key frames will do: then a long input is not decoded whole.
pub(super) fn key_frames_are_enough(images: &[PlannedImages], findings: &Findings) -> bool {
    let is_coarse = |images: &PlannedImages| match (images.when, findings.key_frame_distance) {
        (When::Every { step, count, .. }, Some(distance)) => {
            count > 1 && step >= distance * STEP_IN_KEY_FRAME_DISTANCES_MIN
        }
        _ => false,
    };
    images.iter().all(is_coarse)
}

pub(super) fn plan(
    preset: &StandardPreset,
    media: &Timeline,
    treatment: &Treatment,
) -> Result<Vec<PlannedImages>, JobError> {
    let mut planned = Vec::new();
    for codec in &preset.codecs {
        let (image, is_jpg) = match codec {
            Codec::JpgImage(image) => (image, true),
            Codec::PngImage(image) => (image, false),
            _ => continue,
        };
        let pattern = pattern(&preset.formats, is_jpg)?;
        let when = when(image, media)?;
        let layers = image.layers.as_deref().filter(|layers| !layers.is_empty());
        let whole = [ImageLayer::default()];
        for layer in layers.unwrap_or(&whole) {
            let images = planned_images(image, layer, is_jpg, when, pattern, media, treatment)?;
            planned.push(images);
        }
    }
    Ok(planned)
}

fn planned_images(
    image: &Image,
    layer: &ImageLayer,
    is_jpg: bool,
    when: When,
    pattern: &str,
    media: &Timeline,
    treatment: &Treatment,
) -> Result<PlannedImages, JobError> {
    let found = &video_of(media)?.found;
    let stretch = image.stretch_mode.unwrap_or_default();
    let source = treatment.frame.unwrap_or((found.width, found.height));
    let (size, picture) = sizes(layer.width.as_deref(), layer.height.as_deref(), stretch, source)?;
    let kind = if is_jpg { ImageKind::Jpg(layer.quality.unwrap_or(QUALITY)) } else { ImageKind::Png };
    let facts = Facts {
        base: base(media, BASE_CHARS_MAX),
        extension: kind.extension(),
        label: layer.label.clone().or_else(|| image.label.clone()).unwrap_or_default(),
        resolution: resolution(size),
        ..Facts::default()
    };
    let sheet = image.sprite_column.map(|columns| sprite::sheet(columns, when, size)).transpose()?;
    let length = media.length().unwrap_or_default().as_secs_f64();
    Ok(PlannedImages { kind, when, size, picture, sheet, length, pattern: pattern.to_owned(), facts })
}

fn pattern(formats: &[Format], is_jpg: bool) -> Result<&str, JobError> {
    let own = formats.iter().find_map(|format| match format {
        Format::Jpg(format) if is_jpg => Some(format.filename_pattern.as_str()),
        Format::Png(format) if !is_jpg => Some(format.filename_pattern.as_str()),
        _ => None,
    });
    let kind = if is_jpg { "JpgFormat" } else { "PngFormat" };
    own.ok_or_else(|| {
        JobError::unsupported_configuration(format!("The preset makes images but has no {kind}."))
    })
}

fn when(image: &Image, media: &Timeline) -> Result<When, JobError> {
    if image.start == "{Best}" {
        return Ok(When::Best);
    }
    let unknown =
        || JobError::unsupported_content("The length of the input is unknown, but thumbnails need it.");
    let length = media.length().ok_or_else(unknown)?;
    let frame_rate = media.frame_rate().unwrap_or(FRAME_RATE);
    let position = |text: &str| Position::parse(text)?.seconds(Some(length), frame_rate);
    let start = position(&image.start).unwrap_or_default();
    if start >= length.as_secs_f64() {
        return Err(JobError::unsupported_configuration(
            "The first thumbnail is after the end of the input.",
        ));
    }
    let range = image.range.as_deref().unwrap_or(RANGE);
    let range = position(range).unwrap_or_default().min(length.as_secs_f64() - start);
    let step = position(image.step.as_deref().unwrap_or(STEP)).filter(|&step| step > 0.0);
    let (step, count) = match step {
        Some(step) => (step, (range / step).ceil().max(1.0)),
        None => (1.0, 1.0),
    };
    if count > f64::from(IMAGES_MAX) {
        let message = format!("The preset makes {count} thumbnails; {IMAGES_MAX} is the limit.");
        return Err(JobError::unsupported_configuration(message));
    }
    Ok(When::Every { start, step, count: count as u32 })
}

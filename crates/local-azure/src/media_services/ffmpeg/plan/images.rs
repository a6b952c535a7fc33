//! Thumbnails: which pictures of an input, in which size. No sprites.

use std::time::Duration;

use super::standard::sizes;
use super::{base, not_offered, resolution, video_of};
use crate::media_services::ffmpeg::filename::{BASE_CHARS_MAX, Facts, expand};
use crate::media_services::ffmpeg::media::Media;
use crate::media_services::iso_duration::IsoDuration;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{Codec, Format, Image, ImageLayer, StandardPreset};

/// A contact sheet of an evening's movie; more is a mistake in `step`.
const IMAGES_MAX: u32 = 1_000;
/// `step` and `range` where they are absent.
const STEP: &str = "10%";
const RANGE: &str = "100%";
/// JPEG quality where a layer says nothing.
const QUALITY: u32 = 70;
/// Frames per second where the input does not say: only to count frames in time.
const FRAME_RATE: f64 = 30.0;

/// One size of thumbnails.
#[derive(Debug)]
pub(crate) struct PlannedImages {
    pub kind: ImageKind,
    pub when: When,
    pub size: (u32, u32),
    pub picture: (u32, u32),
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
}

pub(super) fn plan(preset: &StandardPreset, media: &Media) -> Result<Vec<PlannedImages>, JobError> {
    let mut planned = Vec::new();
    for codec in &preset.codecs {
        let (image, is_jpg) = match codec {
            Codec::JpgImage(image) => (image, true),
            Codec::PngImage(image) => (image, false),
            _ => continue,
        };
        if image.sprite_column.is_some() {
            return Err(not_offered("spriteColumn"));
        }
        let pattern = pattern(&preset.formats, is_jpg)?;
        let when = when(image, media)?;
        let layers = image.layers.as_deref().filter(|layers| !layers.is_empty());
        let whole = [ImageLayer::default()];
        for layer in layers.unwrap_or(&whole) {
            planned.push(planned_images(image, layer, is_jpg, when, pattern, media)?);
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
    media: &Media,
) -> Result<PlannedImages, JobError> {
    let found = &video_of(media)?.found;
    let stretch = image.stretch_mode.unwrap_or_default();
    let source = (found.width, found.height);
    let (size, picture) = sizes(layer.width.as_deref(), layer.height.as_deref(), stretch, source);
    let kind = if is_jpg { ImageKind::Jpg(layer.quality.unwrap_or(QUALITY)) } else { ImageKind::Png };
    let facts = Facts {
        base: base(media, BASE_CHARS_MAX),
        extension: kind.extension(),
        label: layer.label.clone().or_else(|| image.label.clone()).unwrap_or_default(),
        resolution: resolution(size),
        ..Facts::default()
    };
    Ok(PlannedImages { kind, when, size, picture, pattern: pattern.to_owned(), facts })
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

fn when(image: &Image, media: &Media) -> Result<When, JobError> {
    if image.start == "{Best}" {
        return Ok(When::Best);
    }
    let unknown =
        || JobError::unsupported_content("The length of the input is unknown, but thumbnails need it.");
    let length = media.length().ok_or_else(unknown)?;
    let frame_rate = media.frame_rate().unwrap_or(FRAME_RATE);
    let position = |text: &str| seconds(text, length, frame_rate);
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

/// A time, a frame number or a percentage, in seconds.
fn seconds(text: &str, length: Duration, frame_rate: f64) -> Option<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        return Some(percent.parse::<f64>().ok()? * length.as_secs_f64() / 100.0);
    }
    let frames = text.parse::<u32>().ok().map(|frames| f64::from(frames) / frame_rate);
    frames.or_else(|| Some(IsoDuration::parse(text)?.length().as_secs_f64()))
}

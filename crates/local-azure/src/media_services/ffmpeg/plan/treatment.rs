//! What a preset's filters make of an input before it is encoded, in pixels and seconds of this input. Not the filter
//! graph: that is `graph`'s.
//!
//! The order is fixed: interlaced pictures are made whole, turned, cropped, laid over, and faded.

use super::not_filtered;
use crate::media_services::ffmpeg::ladder::even_size;
use crate::media_services::ffmpeg::media::{Examined, Track};
use crate::media_services::ffmpeg::probe::{Audio, Video};
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::iso_duration::IsoDuration;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{
    Deinterlace, DeinterlaceMode, DeinterlaceParity, Extent, Fade, Filters, Overlay, Position, Rectangle,
    Rotation, VideoOverlay, colour,
};

/// Frames per second where the input does not say: only to count frames in time.
const FRAME_RATE: f64 = 30.0;

/// A shorter fade is none: ffmpeg counts in microseconds, and takes 0 for not said, which is 25 frames.
const FADE_S_MIN: f64 = 0.000_001;

/// Everything that is done before encoding.
#[derive(Debug, Default)]
pub(crate) struct Treatment {
    pub deinterlacing: Deinterlacing,
    pub rotation: Rotation,
    /// The size with square pixels, where anything is placed on pictures without.
    pub squared: Option<(u32, u32)>,
    pub crop: Option<Area>,
    pub overlays: Vec<PlannedOverlay>,
    pub fades: Vec<PlannedFade>,
    /// The size of the pictures after all that; nothing without pictures.
    pub frame: Option<(u32, u32)>,
}

/// Which pictures are taken for interlaced, and which of their fields is first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deinterlacing {
    Off,
    /// Those that say so.
    #[default]
    Marked,
    AllTopFirst,
    AllBottomFirst,
}

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// A fade of all pictures, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlannedFade {
    pub is_in: bool,
    pub start: f64,
    pub duration: f64,
    pub colour: [u8; 3],
}

/// Something laid over the input, in seconds.
#[derive(Debug)]
pub(crate) struct PlannedOverlay {
    pub picture: Option<OverlaidPicture>,
    pub sound: Option<OverlaidSound>,
    pub start: f64,
    pub fade_in: f64,
    pub fade_out: f64,
    /// How long it is there; nothing if nobody knows how long the input is.
    pub duration: Option<f64>,
    /// Whether it stays to the end of the input, which then ends it.
    pub outlasts: bool,
}

#[derive(Debug)]
pub(crate) struct OverlaidPicture {
    pub track: Track<Video>,
    pub crop: Option<Area>,
    pub size: (u32, u32),
    pub left: u32,
    pub top: u32,
    pub opacity: f64,
    /// For a still picture, how often it is shown.
    pub frame_rate: f64,
}

#[derive(Debug)]
pub(crate) struct OverlaidSound {
    pub track: Track<Audio>,
    pub gain: f64,
}

impl Treatment {
    /// Whether it may change pictures that are not interlaced.
    pub fn is_nothing(&self) -> bool {
        self.rotation == Rotation::Auto
            && self.crop.is_none()
            && self.overlays.is_empty()
            && self.fades.is_empty()
            && matches!(self.deinterlacing, Deinterlacing::Marked | Deinterlacing::Off)
    }

    /// What filters mean for an input.
    pub fn of(filters: &Filters, media: &Timeline) -> Result<Self, JobError> {
        let rotation = filters.rotation.unwrap_or_default();
        let deinterlacing = deinterlacing(filters.deinterlace.as_ref());
        let mut treatment = Self { rotation, deinterlacing, ..Self::default() };
        if let Some(video) = media.video() {
            treatment.place(filters, media, &video.found)?;
        }
        for (overlay, file) in filters.overlays.iter().flatten().zip(&media.overlays) {
            let planned = planned_overlay(overlay, file, media, treatment.frame)?;
            // One that starts after the end of the input is never there.
            treatment.overlays.extend(Some(planned).filter(|overlay| overlay.duration != Some(0.0)));
        }
        for (is_in, fade) in [(true, &filters.fade_in), (false, &filters.fade_out)] {
            if let Some(fade) = fade {
                let planned = planned_fade(is_in, fade, media)?;
                treatment.fades.extend(Some(planned).filter(|fade| fade.duration >= FADE_S_MIN));
            }
        }
        Ok(treatment)
    }

    /// What happens to the size of the pictures.
    fn place(&mut self, filters: &Filters, media: &Timeline, video: &Video) -> Result<(), JobError> {
        let found = (video.width, video.height);
        // A sequence is joined before it is placed, in an even size and with square pixels.
        let is_joined = media.segments.len() > 1;
        let whole = if is_joined { even_size(f64::from(found.0), f64::from(found.1)) } else { found };
        let is_placed = filters.crop.is_some() || !media.overlays.is_empty();
        self.squared = Some(whole).filter(|_| is_placed && !is_joined && !video.has_square_pixels);
        let on_its_side = matches!(self.rotation, Rotation::Rotate90 | Rotation::Rotate270);
        let turned = if on_its_side { (whole.1, whole.0) } else { whole };
        self.crop = filters.crop.as_ref().map(|crop| area(crop, turned, "crop")).transpose()?;
        self.frame = Some(self.crop.map_or(turned, |crop| (crop.width, crop.height)));
        Ok(())
    }
}

/// Marked pictures are made whole unless a preset says otherwise; a preset that names the first field says that all are
/// interlaced.
fn deinterlacing(filter: Option<&Deinterlace>) -> Deinterlacing {
    let Some(filter) = filter else { return Deinterlacing::default() };
    match (filter.mode.unwrap_or_default(), filter.parity.unwrap_or_default()) {
        (DeinterlaceMode::Off, _) => Deinterlacing::Off,
        (DeinterlaceMode::AutoPixelAdaptive, DeinterlaceParity::Auto) => Deinterlacing::Marked,
        (DeinterlaceMode::AutoPixelAdaptive, DeinterlaceParity::TopFieldFirst) => Deinterlacing::AllTopFirst,
        (DeinterlaceMode::AutoPixelAdaptive, DeinterlaceParity::BottomFieldFirst) => {
            Deinterlacing::AllBottomFirst
        }
    }
}

/// A window on a picture of this size, which it has to lie on.
fn area(rectangle: &Rectangle, size: (u32, u32), what: &str) -> Result<Area, JobError> {
    let pixels = |text: &Option<String>, side: u32, usual: f64| {
        let extent = text.as_deref().and_then(Extent::parse);
        extent.map_or(usual, |extent| extent.pixels(side)).round()
    };
    let left = pixels(&rectangle.left, size.0, 0.0);
    let top = pixels(&rectangle.top, size.1, 0.0);
    let width = pixels(&rectangle.width, size.0, f64::from(size.0) - left);
    let height = pixels(&rectangle.height, size.1, f64::from(size.1) - top);
    let fits = left + width <= f64::from(size.0) && top + height <= f64::from(size.1);
    // Encoders take no picture of fewer than two pixels.
    if !fits || width < 2.0 || height < 2.0 {
        return Err(not_filtered(&format!(
            "{what} is {width}x{height} at {left},{top}, which does not lie on a picture of {}x{}",
            size.0, size.1
        )));
    }
    Ok(Area { left: left as u32, top: top as u32, width: width as u32, height: height as u32 })
}

/// A fade out that says no start ends with the input.
fn planned_fade(is_in: bool, fade: &Fade, media: &Timeline) -> Result<PlannedFade, JobError> {
    let unknown = || not_filtered("a fade needs the length of the input, which is unknown");
    let (length, rate) = (media.length(), media.frame_rate().unwrap_or(FRAME_RATE));
    let seconds = |text: &str| Position::parse(text).and_then(|position| position.seconds(length, rate));
    let duration = seconds(&fade.duration).ok_or_else(unknown)?;
    let start = match fade.start.as_deref() {
        Some(start) => seconds(start),
        None if is_in => Some(0.0),
        None => length.map(|length| (length.as_secs_f64() - duration).max(0.0)),
    };
    let colour = colour(&fade.fade_color).unwrap_or_default();
    Ok(PlannedFade { is_in, start: start.ok_or_else(unknown)?, duration, colour })
}

fn planned_overlay(
    overlay: &Overlay,
    file: &Examined,
    media: &Timeline,
    frame: Option<(u32, u32)>,
) -> Result<PlannedOverlay, JobError> {
    let picture = match (overlay, frame) {
        (Overlay::Video(overlay), Some(frame)) => Some(overlaid_picture(overlay, file, frame, media)?),
        _ => None,
    };
    let gain = overlay.gain().unwrap_or(1.0);
    let sound = file.audios().next().filter(|_| gain > 0.0).map(|track| OverlaidSound { track, gain });
    if matches!(overlay, Overlay::Audio(_)) && sound.is_none() && gain > 0.0 {
        let label = overlay.input_label();
        return Err(not_filtered(&format!("the AudioOverlay '{label}' has no sound")));
    }
    let seconds = |time: Option<&IsoDuration>| time.map(|time| time.length().as_secs_f64());
    let times = overlay.times();
    let start = seconds(times.start).unwrap_or(0.0);
    let remaining = media.length().map(|length| (length.as_secs_f64() - start).max(0.0));
    let wanted = seconds(times.end).map(|end| end - start);
    let own =
        file.videos().find_map(|track| track.length).or_else(|| file.audios().find_map(|track| track.length));
    let own = own.filter(|_| !file.part.is_still).map(|length| length.as_secs_f64());
    let bounded = [wanted, own].into_iter().flatten().reduce(f64::min);
    let outlasts = bounded.is_none_or(|bounded| remaining.is_some_and(|remaining| bounded >= remaining));
    Ok(PlannedOverlay {
        picture,
        sound,
        start,
        fade_in: seconds(times.fade_in).unwrap_or(0.0),
        fade_out: seconds(times.fade_out).unwrap_or(0.0),
        duration: if outlasts { remaining } else { bounded },
        outlasts,
    })
}

/// One side of `position` alone keeps the overlay's shape; without sides it has its own size.
fn overlaid_picture(
    overlay: &VideoOverlay,
    file: &Examined,
    frame: (u32, u32),
    media: &Timeline,
) -> Result<OverlaidPicture, JobError> {
    let label = &overlay.input_label;
    let track = file.videos().next();
    let track = track.ok_or_else(|| not_filtered(&format!("the VideoOverlay '{label}' has no pictures")))?;
    let whole = (track.found.width, track.found.height);
    let crop = overlay.crop_rectangle.as_ref().map(|crop| area(crop, whole, "cropRectangle")).transpose()?;
    let own = crop.map_or(whole, |crop| (crop.width, crop.height));
    let position = overlay.position.clone().unwrap_or_default();
    let pixels = |text: &Option<String>, side: u32| {
        let extent = text.as_deref().and_then(Extent::parse);
        extent.map(|extent| extent.pixels(side).round())
    };
    let shape = f64::from(own.0) / f64::from(own.1);
    let sides = match (pixels(&position.width, frame.0), pixels(&position.height, frame.1)) {
        (Some(width), Some(height)) => (width, height),
        (Some(width), None) => (width, width / shape),
        (None, Some(height)) => (height * shape, height),
        (None, None) => (f64::from(own.0), f64::from(own.1)),
    };
    let size = (sides.0.round().max(1.0) as u32, sides.1.round().max(1.0) as u32);
    let (left, top) = (pixels(&position.left, frame.0), pixels(&position.top, frame.1));
    let (left, top) = (left.unwrap_or(0.0) as u32, top.unwrap_or(0.0) as u32);
    // Its own size may be larger, of which some is then not seen.
    let is_too_large = size != own && (size.0 > frame.0 || size.1 > frame.1);
    if is_too_large || left >= frame.0 || top >= frame.1 {
        return Err(not_filtered(&format!(
            "the position of the VideoOverlay '{label}' is {}x{} at {left},{top}, which is beyond a picture of {}x{}",
            size.0, size.1, frame.0, frame.1
        )));
    }
    Ok(OverlaidPicture {
        track,
        crop,
        size,
        left,
        top,
        opacity: overlay.opacity.unwrap_or(1.0),
        frame_rate: media.frame_rate().unwrap_or(FRAME_RATE),
    })
}

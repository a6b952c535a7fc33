//! Refuses filters whose values no input could satisfy, so that only numbers and known words are left of them.

use super::check::{Checked, require, within};
use super::filters::{Fade, Filters, Overlay, Rectangle, colour};
use super::position::{Extent, Position};
use crate::media_services::iso_duration::IsoDuration;

/// Each overlay is one more input that is decoded.
const OVERLAYS_MAX: usize = 10;
const LABEL_CHARS_MAX: usize = 256;

pub(super) fn check(filters: &Filters) -> Checked {
    if let Some(crop) = &filters.crop {
        check_rectangle(crop, "crop")?;
        for (member, side) in [("crop.width", &crop.width), ("crop.height", &crop.height)] {
            rule_of(side.is_some(), member, "is missing")?;
        }
    }
    for (member, fade) in [("fadeIn", &filters.fade_in), ("fadeOut", &filters.fade_out)] {
        fade.as_ref().map_or(Ok(()), |fade| check_fade(fade, member))?;
    }
    let overlays = filters.overlays.as_deref().unwrap_or_default();
    require(overlays.len() <= OVERLAYS_MAX, "overlays has at most 10 entries")?;
    overlays.iter().enumerate().try_for_each(|(index, overlay)| check_overlay(overlay, index))
}

fn check_fade(fade: &Fade, member: &str) -> Checked {
    let rule = "has to be a time, a frame count or a percentage";
    rule_of(Position::parse(&fade.duration).is_some(), &format!("{member}.duration"), rule)?;
    let start = fade.start.as_deref().is_none_or(|start| Position::parse(start).is_some());
    rule_of(start, &format!("{member}.start"), rule)?;
    let rule = "has to be a CSS level 1 colour, rgb(255,0,0), #FF0000 or 0xFF0000";
    rule_of(colour(&fade.fade_color).is_some(), &format!("{member}.fadeColor"), rule)
}

fn check_overlay(overlay: &Overlay, index: usize) -> Checked {
    let member = |name: &str| format!("overlays[{index}].{name}");
    let label = overlay.input_label();
    let fits = !label.is_empty() && label.chars().count() <= LABEL_CHARS_MAX;
    rule_of(fits, &member("inputLabel"), "has to have 1 to 256 characters")?;
    let times = overlay.times();
    let length = |time: Option<&IsoDuration>| time.map(IsoDuration::length).unwrap_or_default();
    let ordered = times.end.is_none() || length(times.end) > length(times.start);
    rule_of(ordered, &member("end"), "has to be after start")?;
    within(&format!("filters.{}", member("audioGainLevel")), overlay.gain().unwrap_or(1.0), &(0.0..=1.0))?;
    let Overlay::Video(overlay) = overlay else { return Ok(()) };
    within(&format!("filters.{}", member("opacity")), overlay.opacity.unwrap_or(1.0), &(0.0..=1.0))?;
    for (name, rectangle) in [("position", &overlay.position), ("cropRectangle", &overlay.crop_rectangle)] {
        rectangle.as_ref().map_or(Ok(()), |rectangle| check_rectangle(rectangle, &member(name)))?;
    }
    Ok(())
}

fn check_rectangle(rectangle: &Rectangle, member: &str) -> Checked {
    let Rectangle { left, top, width, height } = rectangle;
    for (name, text) in [("left", left), ("top", top), ("width", width), ("height", height)] {
        let fits = text.as_deref().is_none_or(|text| Extent::parse(text).is_some());
        rule_of(fits, &format!("{member}.{name}"), "has to be pixels, or percent of the picture")?;
    }
    for (name, text) in [("width", width), ("height", height)] {
        let none = [Some(Extent::Pixels(0)), Some(Extent::Percent(0.0))];
        let empty = text.as_deref().is_some_and(|text| none.contains(&Extent::parse(text)));
        rule_of(!empty, &format!("{member}.{name}"), "has to be more than nothing")?;
    }
    Ok(())
}

fn rule_of(condition: bool, member: &str, rule: &str) -> Checked {
    if condition { Ok(()) } else { Err(format!("filters.{member} {rule}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(filters: &str) -> String {
        let filters = serde_json::from_str::<Filters>(filters);
        filters.map_or_else(|e| e.to_string(), |filters| check(&filters).err().unwrap_or_default())
    }

    fn overlay(members: &str) -> String {
        problem(&format!(
            r##"{{"overlays":[{{"@odata.type":"#Microsoft.Media.VideoOverlay","inputLabel":"logo"{members}}}]}}"##
        ))
    }

    #[test]
    fn filters_that_could_fit_an_input_are_taken() {
        assert_eq!(problem(r#"{"rotation":"Rotate90","deinterlace":{"parity":"TopFieldFirst"}}"#), "");
        assert_eq!(problem(r#"{"crop":{"left":"10%","width":"50%","height":"100"}}"#), "");
        assert_eq!(problem(r#"{"fadeIn":{"duration":"PT1S","fadeColor":"rgb(1,2,3)","start":"10"}}"#), "");
        assert_eq!(overlay(r#","position":{"left":"10%"},"opacity":0.75,"start":"PT0S","end":"PT5S""#), "");
    }

    #[test]
    fn filters_that_could_not_are_refused_by_member() {
        for (filters, member) in [
            (r#"{"rotation":"Rotate45"}"#, "Rotate45"),
            (r#"{"crop":{"left":"1;[in]","width":"10","height":"10"}}"#, "crop.left"),
            (r#"{"crop":{"left":"1"}}"#, "crop.width"),
            (r#"{"crop":{"width":"10","height":"0"}}"#, "crop.height"),
            (r#"{"fadeIn":{"duration":"soon","fadeColor":"red"}}"#, "fadeIn.duration"),
            (r#"{"fadeOut":{"duration":"5","fadeColor":"red:alpha=1"}}"#, "fadeOut.fadeColor"),
            (r#"{"fadeOut":{"duration":"5","fadeColor":"red","start":"x"}}"#, "fadeOut.start"),
            (r#"{"blur":{}}"#, "blur"),
        ] {
            assert!(problem(filters).contains(member), "{filters}: {}", problem(filters));
        }
        for (members, member) in [
            (r#","opacity":1.5"#, "overlays[0].opacity"),
            (r#","audioGainLevel":-0.1"#, "overlays[0].audioGainLevel"),
            (r#","start":"PT5S","end":"PT5S""#, "overlays[0].end"),
            (r#","position":{"top":"a"}"#, "overlays[0].position.top"),
            (r#","cropRectangle":{"width":"0%"}"#, "overlays[0].cropRectangle.width"),
        ] {
            assert!(overlay(members).contains(member), "{members}: {}", overlay(members));
        }
    }
}

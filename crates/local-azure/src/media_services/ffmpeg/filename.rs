//! Names of output files, from patterns with macros. Not where the files are.

/// `{Basename}`: the first 32 characters of the input's name, or 64 for presets that only copy.
pub(super) const BASE_CHARS_MAX: usize = 32;
pub(super) const COPIED_BASE_CHARS_MAX: usize = 64;

/// What macros stand for. What is empty stands for nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub base: String,
    pub extension: &'static str,
    pub label: String,
    /// In kb/s.
    pub bitrate: String,
    pub codec: String,
    pub resolution: String,
    pub audio_stream: String,
    pub index: String,
}

impl Facts {
    fn value(&self, name: &str) -> &str {
        match name {
            "Basename" => &self.base,
            "Extension" => self.extension,
            "Label" => &self.label,
            "Bitrate" => &self.bitrate,
            "Codec" => &self.codec,
            "Resolution" => &self.resolution,
            "AudioStream" => &self.audio_stream,
            "Index" => &self.index,
            _ => "",
        }
    }
}

/// Fills a pattern. "Any unsubstituted macros will be collapsed and removed from the filename": a macro that stands
/// for nothing takes one separator with it.
pub(super) fn expand(pattern: &str, facts: &Facts) -> String {
    let (mut name, mut rest) = (String::new(), pattern);
    while let Some((before, macro_name, after)) = next_macro(rest) {
        name.push_str(before);
        rest = after;
        let value = facts.value(macro_name);
        name.push_str(value);
        if value.is_empty() && name.is_empty() {
            rest = rest.strip_prefix(SEPARATORS).unwrap_or(rest);
        } else if value.is_empty() && name.ends_with(SEPARATORS) {
            name.pop();
        }
    }
    name + rest
}

const SEPARATORS: [char; 2] = ['_', '-'];

fn next_macro(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, inside) = pattern.split_once('{')?;
    let (name, after) = inside.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            base: "show".to_owned(),
            extension: ".mp4",
            label: "HD".to_owned(),
            bitrate: "1600".to_owned(),
            resolution: "1280x720".to_owned(),
            ..Facts::default()
        }
    }

    #[test]
    fn macros_are_filled_in() {
        assert_eq!(expand("{Basename}_{Label}_{Bitrate}{Extension}", &facts()), "show_HD_1600.mp4");
        assert_eq!(expand("Video-{Basename}-{Resolution}.mp4", &facts()), "Video-show-1280x720.mp4");
        assert_eq!(expand("plain.mp4", &facts()), "plain.mp4");
        assert_eq!(expand("{Basename", &facts()), "{Basename");
    }

    #[test]
    fn a_macro_that_stands_for_nothing_takes_a_separator_with_it() {
        assert_eq!(expand("{Basename}_{Index}_{Bitrate}{Extension}", &facts()), "show_1600.mp4");
        assert_eq!(expand("{Index}_{Basename}{Extension}", &facts()), "show.mp4");
        assert_eq!(expand("{Basename}{Nonsense}{Extension}", &facts()), "show.mp4");
    }
}

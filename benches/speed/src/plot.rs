//! Bars as SVG: medians, with a whisker from the least to the most. Knows nothing of what they stand for.

use std::fmt::Write as _;

use crate::statistics::{Series, brief};

const ROW: usize = 26;
const LEFT: f64 = 330.0;
const WIDTH: f64 = 520.0;

/// How lengths go with values.
#[derive(Clone, Copy)]
pub enum Scale {
    /// From nothing.
    Linear,
    /// By powers of ten: where the largest is hundreds of times the smallest.
    Logarithmic,
}

/// A chart of bars, from top to bottom.
pub fn bars(title: &str, scale: Scale, rows: &[(String, &Series)]) -> String {
    let most = rows.iter().map(|(_, series)| series.max()).fold(f64::MIN_POSITIVE, f64::max);
    let least = rows.iter().map(|(_, series)| series.min()).fold(f64::MAX, f64::min);
    let floor = 10_f64.powf((least / 2.0).log10().floor());
    let x = |value: f64| match scale {
        Scale::Linear => LEFT + value / most * WIDTH,
        Scale::Logarithmic => LEFT + (value / floor).log10() / (most / floor).log10() * WIDTH,
    };
    let height = 50 + rows.len() * ROW;
    let note = if matches!(scale, Scale::Logarithmic) { " (logarithmic)" } else { "" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"16\">{title}{note}</text>\n"
    );
    for (index, (name, series)) in rows.iter().enumerate() {
        let top = 40 + index * ROW;
        let (text, middle) = (top + 15, top + 10);
        let (median, min, max) = (x(series.median()), x(series.min()), x(series.max()));
        let (width, behind) = (median - LEFT, max.max(median) + 8.0);
        let colour = if name.starts_with("Gridwich") { "#2a7f62" } else { "#b0b0b0" };
        let label = brief(series.median());
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"20\" fill=\"{colour}\"/>\n\
             <line x1=\"{min:.1}\" x2=\"{max:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"black\"/>\n\
             <text x=\"{behind:.1}\" y=\"{text}\">{label}</text>",
            LEFT - 8.0
        );
    }
    svg + "</svg>\n"
}

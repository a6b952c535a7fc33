//! What is made of figures from several rounds: medians, spreads, percentiles. Knows nothing of what was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One figure, measured once in each round.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The middle one; of an even number the mean of both in the middle. NaN when there is none.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => sorted[len / 2],
            len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
        }
    }

    pub fn min(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }

    /// Round by round, so that whatever disturbed a round disturbed both.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// Median and spread; alone what was measured once.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [value] = self.0[..] {
            return f.write_str(&brief(value));
        }
        let [median, min, max] = [self.median(), self.min(), self.max()].map(brief);
        write!(f, "{median} ({min} to {max})")
    }
}

/// Three figures that count, and thousands set apart.
pub fn brief(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if decimals > 0 || !value.is_finite() {
        return text;
    }
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        let rest = text.len() - index;
        if index > 0 && rest.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The smallest value that so many percent do not exceed (nearest rank); `sorted` ascending. Nothing of nothing.
pub fn percentile(sorted: &[u64], percent: f64) -> Option<u64> {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// What a figure should come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {}", brief(*bound)),
            Self::AtMost(bound) => write!(f, "at most {}", brief(*bound)),
        }
    }
}

/// A table in plain text: the first column to the left, the others to the right, every column as wide as it needs.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head = head.iter().map(ToString::to_string).collect::<Vec<_>>();
    let lines = || std::iter::once(&head).chain(rows);
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths = (0..head.len()).map(width).collect::<Vec<_>>();
    let mut text = String::new();
    for line in lines() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            text += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Goal, Series, brief, percentile, table};

    #[test]
    fn the_middle_counts_and_the_spread_is_shown() {
        let odd = Series(vec![3.0, 1.0, 100.0]);
        assert_eq!((odd.median(), odd.min(), odd.max()), (3.0, 1.0, 100.0));
        assert_eq!(Series(vec![4.0, 1.0, 2.0, 9.0]).median(), 3.0);
        assert!(Series::default().median().is_nan());
        assert_eq!(odd.to_string(), "3.00 (1.00 to 100)");
        assert_eq!(Series(vec![28.43]).to_string(), "28.4");
        assert_eq!(Series(vec![8.0, 9.0]).over(&Series(vec![2.0, 3.0])), Series(vec![4.0, 3.0]));
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted = (1..=200).collect::<Vec<_>>();
        assert_eq!(percentile(&sorted, 50.0), Some(100));
        assert_eq!(percentile(&sorted, 99.0), Some(198));
        assert_eq!(percentile(&sorted, 100.0), Some(200));
        assert_eq!(percentile(&[7], 1.0), Some(7));
        assert_eq!(percentile(&[], 99.0), None);
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        let written = [0.0714, 9.876, 12.34, 999.6, 1_234_567.0, -1_000.0, f64::NAN].map(brief);
        assert_eq!(written, ["0.071", "9.88", "12.3", "1,000", "1,234,567", "-1,000", "NaN"]);
        assert!(Goal::AtMost(2.0).is_met_by(2.0) && !Goal::AtMost(2.0).is_met_by(2.1));
        assert!(Goal::AtLeast(2.0).is_met_by(2.0) && !Goal::AtLeast(2.0).is_met_by(f64::NAN));
        let text =
            table(&["", "a"], &[vec!["long name".into(), "1".into()], vec!["x".into(), "22,222".into()]]);
        assert_eq!(text, "                a\nlong name       1\nx          22,222\n");
    }
}

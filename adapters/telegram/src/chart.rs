//! Draws the consumption of a meter as a picture: bars from zero, one colour in up to three tones,
//! the figure above each bar.
//!
//! The picture is written as SVG and rendered here, with a font that travels with the program.

use std::sync::{Arc, LazyLock};

use kontor_domain::Quantity;
use resvg::{tiny_skia, usvg};

/// The most bars: a year and the same month of the year before still have room for their figures.
pub(crate) const BARS_MAX: usize = 13;

const WIDTH: i64 = 800;
const HEIGHT: i64 = 450;
/// The plot inside the picture, in pixels.
const LEFT: i64 = 40;
const RIGHT: i64 = 760;
const TOP: i64 = 128;
const BOTTOM: i64 = 392;
/// A lone bar would fill the picture; this is as wide as one gets.
const BAR_WIDTH_MAX: i64 = 72;
/// One accent in three tones, dark to light, told apart by people who see no colours too.
const TONES: [&str; 3] = ["#1f6fd6", "#7db1f0", "#c6ddf8"];

const INK: &str = "#17202b";
const MUTED: &str = "#5b6773";
/// The room of one name in the legend, in pixels.
const LEGEND_STEP: i64 = 64;

static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../assets/DejaVuSans.ttf").to_vec());
    Arc::new(fonts)
});

/// What a picture shows. All texts come in the customer's language.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// What the bars are: the meter.
    pub(crate) title: String,
    /// The unit and what is shown.
    pub(crate) subtitle: String,
    /// The names of the zones, when there are several.
    pub(crate) zones: Vec<String>,
    /// From the oldest to the newest.
    pub(crate) bars: Vec<Bar>,
}

/// One period.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// The month, short.
    pub(crate) label: String,
    /// The figure above the bar.
    pub(crate) figure: String,
    /// Consumption by zone; together they are as high as the bar.
    pub(crate) parts: Vec<Quantity>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChartError {
    /// The drawing is not valid, which is a defect here.
    #[error("the drawing cannot be read")]
    Drawing(#[from] Box<usvg::Error>),
    /// The picture could not be made of the drawing.
    #[error("the picture cannot be rendered: {0}")]
    Picture(String),
}

impl Chart {
    /// Renders the picture as PNG.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>, ChartError> {
        let options = usvg::Options { fontdb: Arc::clone(&FONTS), ..usvg::Options::default() };
        let tree = usvg::Tree::from_str(&self.to_svg(), &options).map_err(Box::new)?;
        let size = tree.size().to_int_size();
        let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
            .ok_or_else(|| ChartError::Picture("the picture has no size".into()))?;
        resvg::render(&tree, tiny_skia::Transform::default(), &mut pixels.as_mut());
        pixels.encode_png().map_err(|err| ChartError::Picture(err.to_string()))
    }

    /// Writes the drawing.
    pub(crate) fn to_svg(&self) -> String {
        let first = self.bars.len().saturating_sub(BARS_MAX);
        let bars = &self.bars[first..];
        let scale_max = bars.iter().map(Bar::total).max().unwrap_or(0).max(1);
        let mut parts = vec![
            format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' \
                 font-family='DejaVu Sans'>"
            ),
            rectangle((0, 0), (WIDTH, HEIGHT), "#ffffff"),
            text((LEFT, 50), (25, "start", INK), &self.title),
            text((LEFT, 80), (16, "start", MUTED), &self.subtitle),
        ];
        parts.extend(self.legend());
        let slots = i64::try_from(bars.len().max(1)).unwrap_or(1);
        let slot = (RIGHT - LEFT) / slots;
        for (index, bar) in (0_i64..).zip(bars) {
            // The newest month is the one that people look for.
            let ink = if index + 1 == slots { INK } else { MUTED };
            parts.extend(bar.draw(LEFT + slot * index + slot / 2, slot, scale_max, ink));
        }
        parts.push(rectangle((LEFT, BOTTOM), (RIGHT - LEFT, 2), "#aab4bf"));
        parts.push("</svg>".to_owned());
        parts.concat()
    }

    /// Names the tones, right-aligned beside the subtitle.
    fn legend(&self) -> Vec<String> {
        if self.zones.len() < 2 {
            return Vec::new();
        }
        let count = i64::try_from(self.zones.len()).unwrap_or(0);
        let start = RIGHT - LEGEND_STEP * count + 14;
        let entries = (0_i64..).zip(&self.zones).zip(TONES);
        entries
            .flat_map(|((index, zone), tone)| {
                let x = start + LEGEND_STEP * index;
                [rectangle((x, 67), (14, 14), tone), text((x + 20, 80), (16, "start", INK), zone)]
            })
            .collect()
    }
}

impl Bar {
    fn total(&self) -> i64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.milli().max(0)))
    }

    fn draw(&self, centre: i64, slot: i64, scale_max: i64, ink: &str) -> Vec<String> {
        let width = (slot * 62 / 100).clamp(1, BAR_WIDTH_MAX);
        let mut drawn = Vec::new();
        let mut below = 0_i64;
        for (part, tone) in self.parts.iter().zip(TONES) {
            let start = height_of(below, scale_max);
            below = below.saturating_add(part.milli().max(0));
            let height = height_of(below, scale_max) - start;
            if height > 0 {
                let corner = (centre - width / 2, BOTTOM - start - height);
                drawn.push(rectangle(corner, (width, height), tone));
            }
        }
        let top = BOTTOM - height_of(below, scale_max);
        // Long figures in narrow slots shrink instead of running into each other.
        let length = i64::try_from(self.figure.chars().count()).unwrap_or(i64::MAX).max(1);
        let size = ((slot - 4) * 16 / 10 / length).clamp(9, 17);
        drawn.push(text((centre, top - 8), (size, "middle", ink), &self.figure));
        drawn.push(text((centre, BOTTOM + 26), (15, "middle", ink), &self.label));
        drawn
    }
}

fn rectangle((x, y): (i64, i64), (width, height): (i64, i64), fill: &str) -> String {
    format!("<rect x='{x}' y='{y}' width='{width}' height='{height}' fill='{fill}'/>")
}

fn text((x, y): (i64, i64), (size, anchor, ink): (i64, &str, &str), words: &str) -> String {
    let words = escaped(words);
    format!(
        "<text x='{x}' y='{y}' font-size='{size}' text-anchor='{anchor}' fill='{ink}'>{words}</text>"
    )
}

/// The height of an amount in pixels; the largest bar is as high as the plot.
fn height_of(amount: i64, scale_max: i64) -> i64 {
    let height = i128::from(amount) * i128::from(BOTTOM - TOP) / i128::from(scale_max.max(1));
    i64::try_from(height).unwrap_or(BOTTOM - TOP)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars().filter(|c| !c.is_control()) {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\'' => safe.push_str("&#39;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;

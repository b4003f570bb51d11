use kontor_domain::Quantity;

use super::{Bar, Chart};

fn chart(zones: usize, totals: &[i64]) -> Chart {
    let months =
        ["янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"];
    let zone_names = ["Т1", "Т2", "Т3"];
    Chart {
        title: "Электричество · кухня <№ 1>".into(),
        subtitle: "Расход по месяцам, кВт·ч".into(),
        zones: zone_names[..zones].iter().map(|name| (*name).to_owned()).collect(),
        bars: totals
            .iter()
            .enumerate()
            .map(|(index, total)| Bar {
                label: months[index % 12].to_owned(),
                figure: (total / 1000).to_string(),
                parts: (0..zones)
                    .map(|_| Quantity(total / i64::try_from(zones).unwrap()))
                    .collect(),
            })
            .collect(),
    }
}

/// Where the pictures of the tests are kept for a person to look at, when the variable is set.
fn keep(name: &str, png: &[u8]) {
    if let Some(folder) = option_env!("KONTOR_CHART_FOLDER") {
        std::fs::write(format!("{folder}/{name}.png"), png).unwrap();
    }
}

fn pixels(png: &[u8]) -> resvg::tiny_skia::Pixmap {
    resvg::tiny_skia::Pixmap::decode_png(png).unwrap()
}

#[test]
fn a_year_of_two_zones_is_drawn_with_bars_and_letters() {
    let totals: Vec<i64> = (1..=12).map(|month| 40_000 + month * 7_500).collect();
    let png = chart(2, &totals).to_png().unwrap();
    keep("two_zones", &png);
    let picture = pixels(&png);
    assert_eq!((picture.width(), picture.height()), (800, 450));
    let ink = |colour: [u8; 3]| {
        picture
            .pixels()
            .iter()
            .filter(|pixel| [pixel.red(), pixel.green(), pixel.blue()] == colour)
            .count()
    };
    assert!(ink([0x1f, 0x6f, 0xd6]) > 5_000, "the first tone is there");
    assert!(ink([0x7d, 0xb1, 0xf0]) > 5_000, "the second tone is there");
    assert!(ink([0x17, 0x20, 0x2b]) > 200, "the title is written in the font of the program");
}

#[test]
fn bars_begin_at_zero_and_keep_their_proportion() {
    let svg = chart(1, &[50_000, 100_000]).to_svg();
    let heights: Vec<i64> = svg
        .split("height='")
        .skip(3)
        .filter_map(|rest| rest.split('\'').next()?.parse().ok())
        .collect();
    assert_eq!(heights, [132, 264, 2], "half the amount is half the height");
}

#[test]
fn odd_charts_are_drawn_too() {
    let empty = chart(1, &[]).to_png().unwrap();
    let single = chart(1, &[87_500]).to_png().unwrap();
    let zeros = chart(3, &[0, 0, 0]).to_png().unwrap();
    let huge = chart(3, &[i64::MAX / 2; 30]).to_png().unwrap();
    let steep = chart(3, &[1_000, 3_000, 999_000, 12_345_000, 0, 2_000]).to_png().unwrap();
    for (name, png) in
        [("empty", empty), ("single", single), ("zeros", zeros), ("huge", huge), ("steep", steep)]
    {
        keep(name, &png);
        assert_eq!(pixels(&png).width(), 800, "{name}");
    }
}

#[test]
fn texts_cannot_break_the_drawing() {
    let mut drawing = chart(1, &[1_000]);
    drawing.title = "</text><script>&'\"\u{0}\u{7}".into();
    assert!(!drawing.to_svg().contains("<script>"));
    assert!(drawing.to_png().is_ok());
}

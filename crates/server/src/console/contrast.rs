//! Computes the contrast of the stylesheet's tokens in both themes, as WCAG 2.2 defines it, so that no change of a colour can lose it unseen.

use std::collections::BTreeMap;

/// What WCAG 2.2 asks of text (1.4.3) and of the edges of controls, icons and the focus ring (1.4.11).
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

/// Foreground, background and the contrast they need.
const PAIRS: [(&str, &str, f64); 35] = [
    ("ink", "paper", TEXT),
    ("ink", "surface", TEXT),
    ("ink", "sunken", TEXT),
    ("ink", "grave-tint", TEXT),
    ("ink", "warning-tint", TEXT),
    ("quiet", "paper", TEXT),
    ("quiet", "surface", TEXT),
    ("quiet", "sunken", TEXT),
    ("brass-ink", "brass", TEXT),
    ("brass-ink", "brass-over", TEXT),
    ("good", "paper", TEXT),
    ("good", "surface", TEXT),
    ("good", "sunken", TEXT),
    ("warning", "paper", TEXT),
    ("warning", "surface", TEXT),
    ("warning", "sunken", TEXT),
    ("warning", "warning-tint", TEXT),
    ("grave", "paper", TEXT),
    ("grave", "surface", TEXT),
    ("grave", "grave-tint", TEXT),
    ("white", "grave-solid", TEXT),
    ("paper", "ink", TEXT),
    ("edge", "paper", SHAPE),
    ("edge", "surface", SHAPE),
    ("edge", "sunken", SHAPE),
    ("grave", "sunken", SHAPE),
    ("mark", "paper", SHAPE),
    ("mark", "surface", SHAPE),
    ("brass-edge", "paper", SHAPE),
    ("brass-edge", "surface", SHAPE),
    ("ring", "paper", SHAPE),
    ("ring", "surface", SHAPE),
    ("ring", "sunken", SHAPE),
    ("ring", "grave-tint", SHAPE),
    ("ring", "warning-tint", SHAPE),
];

/// Relative luminance of `oklch(L C h)`; the matrices are those of Ottosson's Oklab, clipped to what sRGB can show.
fn luminance(color: &str) -> f64 {
    let numbers: Vec<f64> = color
        .trim_start_matches("oklch(")
        .trim_end_matches(')')
        .split_ascii_whitespace()
        .map(|it| it.parse().unwrap_or_else(|_| panic!("{color} is not oklch(L C h)")))
        .collect();
    let [lightness, chroma, hue] = numbers[..] else { panic!("{color} is not oklch(L C h)") };
    let (sine, cosine) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * cosine, chroma * sine);
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let medium = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let red = 4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short;
    let green = -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short;
    let blue = -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701 * short;
    0.2126 * red.clamp(0.0, 1.0) + 0.7152 * green.clamp(0.0, 1.0) + 0.0722 * blue.clamp(0.0, 1.0)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The tokens of the light and the dark theme, from the first block of the stylesheet.
fn themes() -> [(&'static str, BTreeMap<String, String>); 2] {
    let mut themes = [("light", BTreeMap::new()), ("dark", BTreeMap::new())];
    for line in include_str!("../../assets/claviger.css").lines().take_while(|it| *it != "}") {
        let Some((name, value)) =
            line.trim().strip_prefix("--").and_then(|it| it.trim_end_matches(';').split_once(": "))
        else {
            continue;
        };
        if !value.contains("oklch") {
            continue;
        }
        let pair =
            value.strip_prefix("light-dark(").and_then(|it| it.strip_suffix(')')).and_then(|it| it.split_once(", "));
        let (light, dark) = pair.unwrap_or((value, value));
        themes[0].1.insert(name.to_owned(), light.to_owned());
        themes[1].1.insert(name.to_owned(), dark.to_owned());
    }
    for (_, tokens) in &mut themes {
        tokens.insert("white".to_owned(), "oklch(1 0 0)".to_owned());
    }
    themes
}

#[test]
fn every_pair_of_colours_has_its_contrast_in_both_themes() {
    for (theme, tokens) in themes() {
        for (front, back, needed) in PAIRS {
            let found = contrast(&tokens[front], &tokens[back]);
            assert!(found >= needed, "{theme}: {front} on {back} has {found:.2}, needs {needed}");
        }
    }
}

#[test]
fn contrast_of_black_and_white_is_what_the_standard_says() {
    assert!((contrast("oklch(0 0 0)", "oklch(1 0 0)") - 21.0).abs() < 0.01);
    let middle = contrast("oklch(.5999 0 0)", "oklch(1 0 0)");
    assert!((middle - 3.95).abs() < 0.05, "#808080 on white has 3.95, found {middle:.2}");
}

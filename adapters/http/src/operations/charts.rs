//! The charts of the last hour: their options, and the same figures as a table. Colours come from the
//! page, so that they follow light and dark.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{history::Seen, words::grouped};

/// The rows of a chart's table: one glance.
const ROWS: usize = 12;

/// One line of a chart.
struct Line {
    name: String,
    /// Milliseconds of the epoch, and the value.
    points: Vec<(i64, i64)>,
}

/// A chart with its table.
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    lines: Vec<Line>,
}

/// The same figures in rows.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// All charts over the looks that are kept.
pub(super) fn all(kept: &[Arc<Seen>]) -> Vec<Chart> {
    vec![
        Chart {
            id: "throughput",
            title: "Events per minute",
            about: "What the log took in, and what each follower passed.",
            lines: throughput(kept),
        },
        Chart {
            id: "lag",
            title: "Events behind",
            about: "How far each follower is from the head of the log.",
            lines: lag(kept),
        },
        Chart {
            id: "errors",
            title: "Trouble",
            about: "Answers of this process that failed per minute, and open dead letters.",
            lines: trouble(kept),
        },
    ]
}

impl Chart {
    /// Whether there is anything to draw yet.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.len() < 2)
    }

    /// The chart as `ECharts` reads it.
    pub(super) fn option(&self) -> Value {
        let series: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let last = line.points.last().map_or(0, |point| point.1);
                json!({
                    "name": line.name, "type": "line", "showSymbol": false, "data": line.points,
                    "emphasis": { "focus": "series" },
                    // Names stand at the lines; where all are at zero they would hide each other.
                    "endLabel": { "show": last > 0, "formatter": "{a}" },
                    "labelLayout": { "moveOverlap": "shiftY" },
                })
            })
            .collect();
        json!({
            "animation": false,
            // As all other times on the page.
            "useUTC": true,
            "grid": { "left": 8, "right": 92, "top": 36, "bottom": 8, "containLabel": true },
            "legend": {
                "type": "scroll", "top": 0, "left": 0, "icon": "roundRect",
                "itemWidth": 12, "itemHeight": 4,
            },
            // A tooltip drawn as text: the page allows no inline styles.
            "tooltip": { "trigger": "axis", "renderMode": "richText", "confine": true },
            "xAxis": { "type": "time", "splitNumber": 3, "axisLabel": { "hideOverlap": true } },
            "yAxis": { "type": "value", "min": 0, "minInterval": 1, "splitNumber": 3 },
            "series": series,
        })
    }

    /// The same figures in a few rows, the newest first.
    pub(super) fn table(&self) -> Table {
        let mut by_time: BTreeMap<i64, Vec<Option<i64>>> = BTreeMap::new();
        for (column, line) in self.lines.iter().enumerate() {
            for (at, value) in &line.points {
                let row = by_time.entry(*at).or_insert_with(|| vec![None; self.lines.len()]);
                row[column] = Some(*value);
            }
        }
        let step = by_time.len().div_ceil(ROWS).max(1);
        let rows = by_time.iter().rev().step_by(step).map(|(at, values)| {
            let at = chrono::DateTime::from_timestamp_millis(*at);
            let at = at.map_or_else(String::new, |at| at.format("%H:%M:%S").to_string());
            let values =
                values.iter().map(|value| value.as_ref().map_or_else(String::new, grouped));
            (at, values.collect())
        });
        Table {
            columns: self.lines.iter().map(|line| line.name.clone()).collect(),
            rows: rows.collect(),
        }
    }
}

/// How much a count grew between two looks, per minute; a count that fell began anew.
fn per_minute((before, now): (i64, i64), elapsed_ms: i64) -> i64 {
    const MINUTE_MS: i64 = 60_000;
    (now - before).max(0).saturating_mul(MINUTE_MS) / elapsed_ms.max(1)
}

/// The followers' positions and lags in a look, by name; with the version where a name has several.
fn followers(seen: &Seen) -> BTreeMap<String, (i64, i64)> {
    let Some(database) = &seen.database else { return BTreeMap::new() };
    let all = &database.found.followers;
    let named = all.iter().map(|it| {
        let several = all.iter().filter(|other| other.name == it.name).count() > 1;
        let name = if several { format!("{} v{}", it.name, it.version) } else { it.name.clone() };
        (name, (it.position, it.lag_events))
    });
    named.collect()
}

fn throughput(kept: &[Arc<Seen>]) -> Vec<Line> {
    let mut log = Vec::new();
    let mut passed: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for pair in kept.windows(2) {
        let [before, now] = pair else { continue };
        let at = now.at.timestamp_millis();
        let elapsed = at - before.at.timestamp_millis();
        if let (Some(old), Some(new)) = (&before.database, &now.database) {
            log.push((at, per_minute((old.found.head, new.found.head), elapsed)));
        }
        let earlier = followers(before);
        for (name, (position, _)) in followers(now) {
            if let Some((was, _)) = earlier.get(&name) {
                passed.entry(name).or_default().push((at, per_minute((*was, position), elapsed)));
            }
        }
    }
    let mut lines = vec![Line { name: "log".to_owned(), points: log }];
    lines.extend(passed.into_iter().map(|(name, points)| Line { name, points }));
    lines
}

fn lag(kept: &[Arc<Seen>]) -> Vec<Line> {
    let mut behind: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for seen in kept {
        for (name, (_, lag)) in followers(seen) {
            behind.entry(name).or_default().push((seen.at.timestamp_millis(), lag));
        }
    }
    behind.into_iter().map(|(name, points)| Line { name, points }).collect()
}

fn trouble(kept: &[Arc<Seen>]) -> Vec<Line> {
    let count = |errors: u64| i64::try_from(errors).unwrap_or(i64::MAX);
    let errors = kept.windows(2).filter_map(|pair| {
        let [before, now] = pair else { return None };
        let at = now.at.timestamp_millis();
        let elapsed = at - before.at.timestamp_millis();
        Some((at, per_minute((count(before.errors), count(now.errors)), elapsed)))
    });
    let letters = kept.iter().filter_map(|seen| {
        let backlog = seen.database.as_ref()?.found.backlog;
        Some((seen.at.timestamp_millis(), backlog.command_letters + backlog.follower_letters))
    });
    vec![
        Line { name: "failed answers".to_owned(), points: errors.collect() },
        Line { name: "dead letters".to_owned(), points: letters.collect() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_per_minute_and_never_negative() {
        assert_eq!(per_minute((100, 110), 5_000), 120);
        assert_eq!(per_minute((110, 3), 5_000), 0);
        assert_eq!(per_minute((0, 1), 0), 60_000);
    }

    #[test]
    fn a_table_has_few_rows_the_newest_first() {
        let points = (0..720).map(|n| (n * 5_000, n)).collect();
        let lines = vec![Line { name: "log".to_owned(), points }];
        let chart = Chart { id: "x", title: "X", about: "", lines };
        let table = chart.table();
        assert_eq!(table.columns, ["log"]);
        assert_eq!(table.rows.len(), ROWS);
        assert_eq!(table.rows[0].1, ["719"]);
        assert!(!chart.is_empty());
    }

    #[test]
    fn without_looks_there_is_nothing_to_draw() {
        assert!(all(&[]).iter().all(Chart::is_empty));
        assert!(all(&[]).iter().all(|chart| chart.table().rows.is_empty()));
    }
}

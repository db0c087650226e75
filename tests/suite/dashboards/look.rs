//! Layout, colours and links of the dashboards.

use std::collections::BTreeSet;

use serde_json::Value;

use super::board::Board;
use super::promql::Query;

/// Collects the values of all members with this name, at any depth.
fn members(json: &Value, name: &str, found: &mut Vec<Value>) {
    match json {
        Value::Object(object) => {
            for (key, value) in object {
                if key == name {
                    found.push(value.clone());
                }
                members(value, name, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, name, found)),
        _ => {}
    }
}

/// Asserts that panels fill all columns of their lines without overlap, and returns the lines.
fn assert_filled(place: &str, panels: &[Value]) -> BTreeSet<u64> {
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = &panel["title"];
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap_or(0);
        assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((y, x)), "{place}: {title} overlaps another panel");
            }
        }
    }
    let lines: BTreeSet<_> = taken.iter().map(|(y, _)| *y).collect();
    assert_eq!(taken.len(), 24 * lines.len(), "{place} has gaps");
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert_eq!(lines.len() as u64, last - first + 1, "{place} has gaps");
    lines
}

#[test]
fn panels_fill_the_grid_without_overlap() {
    for board in Board::all() {
        let panels = board.json["panels"].as_array().unwrap();
        assert_eq!(assert_filled(board.file, panels).first(), Some(&0));
        let mut ids = BTreeSet::new();
        for panel in panels.iter().chain(panels.iter().flat_map(inner)) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        }
    }
}

fn inner(row: &Value) -> impl Iterator<Item = &Value> {
    row["panels"].as_array().into_iter().flatten()
}

/// Grafana loads a panel when its row is opened.
#[test]
fn rows_below_the_first_screen_are_collapsed() {
    for board in Board::all() {
        let panels = board.json["panels"].as_array().unwrap();
        let (rows, first): (Vec<_>, Vec<_>) =
            panels.iter().partition(|panel| panel["type"] == "row");
        assert!(first.len() > 6 && rows.len() > 4, "{}", board.file);
        let top = |panel: &Value| panel["gridPos"]["y"].as_u64().unwrap();
        let last = first.iter().map(|panel| top(panel)).max().unwrap();
        for row in rows {
            assert_eq!(row["collapsed"], true, "{}", row["title"]);
            assert!(top(row) > last, "{}", row["title"]);
            let inner: Vec<_> = inner(row).cloned().collect();
            let lines = assert_filled(&row["title"].to_string(), &inner);
            assert_eq!(lines.first(), Some(&(top(row) + 1)), "{}", row["title"]);
        }
    }
}

/// The palette of Okabe and Ito suits any colour vision; its yellow cannot be read on white.
#[test]
fn fixed_colours_suit_any_colour_vision_and_both_themes() {
    const COLORS: [&str; 8] = [
        "#0072B2",
        "#56B4E9",
        "#009E73",
        "#E69F00",
        "#D55E00",
        "#CC79A7",
        "#999999",
        "transparent",
    ];
    for board in Board::all() {
        let panels = &board.json["panels"];
        for name in ["fixedColor", "color"] {
            let mut found = Vec::new();
            members(panels, name, &mut found);
            let colors = found.iter().filter_map(Value::as_str);
            assert!(colors.clone().count() > 3, "{}: {found:?}", board.file);
            for color in colors {
                assert!(COLORS.contains(&color), "{}: {color}", board.file);
            }
        }
        let mut schemes = Vec::new();
        members(panels, "scheme", &mut schemes);
        assert!(schemes.iter().all(|scheme| scheme == "Cividis"), "{schemes:?}");
    }
}

/// Colours by value or rank change whenever the values do.
#[test]
fn the_colour_of_a_pool_depends_on_its_name_only() {
    let mut by_name = 0;
    for panel in Board::all().iter().flat_map(Board::panels) {
        let color = &panel.json["fieldConfig"]["defaults"]["color"]["mode"];
        match panel.json["type"].as_str().unwrap() {
            "timeseries" => assert_eq!(color, "palette-classic-by-name", "{}", panel.place()),
            "stat" => assert_eq!(color, "thresholds", "{}", panel.place()),
            "bargauge" => assert_eq!(color, "fixed", "{}", panel.place()),
            _ => continue,
        }
        by_name += usize::from(color == "palette-classic-by-name");
        // The same name in every panel of pools.
        for target in panel.targets().iter().filter(|target| target.legend.contains("{{name}}")) {
            assert_eq!(target.legend, "{{project}}: {{name}}", "{}", target.place);
        }
    }
    assert!(by_name > 20, "{by_name}");
}

#[test]
fn a_chart_has_one_axis() {
    for board in Board::all() {
        assert!(!board.json.to_string().contains("axisPlacement"), "{}", board.file);
    }
}

/// Returns the variables in the links of a panel: the text between `${` and `}`.
fn variables(links: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for link in links {
        let url = link["url"].as_str().unwrap();
        assert!(url.starts_with("http://${"), "{url}");
        let inner = url.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
        found.extend(inner.map(|name| name.split(':').next().unwrap().to_owned()));
    }
    found
}

#[test]
fn links_use_existing_columns_and_labels() {
    let mut checked = 0;
    for panel in Board::all().iter().flat_map(Board::panels) {
        let mut links = Vec::new();
        members(&panel.json["fieldConfig"], "links", &mut links);
        // In an override, the links are the value of a property.
        let overrides = panel.json["fieldConfig"]["overrides"].as_array().into_iter().flatten();
        for property in overrides.flat_map(|one| one["properties"].as_array().unwrap()) {
            if property["id"] == "links" {
                links.push(property["value"].clone());
            }
        }
        let links: Vec<_> = links.iter().flat_map(|l| l.as_array().unwrap().clone()).collect();
        let labels: BTreeSet<_> = panel
            .targets()
            .iter()
            .flat_map(|target| Query::of(&target.expression).grouping)
            .collect();
        let mut renamed = Vec::new();
        members(&panel.json["transformations"], "renameByName", &mut renamed);
        let names = renamed.iter().flat_map(|map| map.as_object().unwrap());
        let (old, mut columns): (BTreeSet<_>, BTreeSet<_>) =
            names.map(|(old, new)| (old.clone(), new.as_str().unwrap().to_owned())).unzip();
        columns.extend(labels.difference(&old).cloned());
        for variable in variables(&links) {
            let is_there = variable.strip_prefix("__data.fields.").map_or_else(
                || labels.contains(variable.strip_prefix("__field.labels.").unwrap()),
                |column| columns.contains(column),
            );
            assert!(is_there, "{}: {variable} of {columns:?} {labels:?}", panel.place());
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

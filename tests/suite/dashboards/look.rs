//! Layout, colours and links of the dashboards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::board::{Board, Panel};
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

/// Alerts stand on the first screen, and what explains a jump in the graphs is marked there.
#[test]
fn dashboards_show_alerts_and_mark_lost_states_and_restarts() {
    for board in Board::all() {
        let panels = board.json["panels"].as_array().unwrap();
        assert!(panels.iter().any(|panel| panel["title"] == "Firing alerts"), "{}", board.file);
        let list = board.json["annotations"]["list"].as_array().unwrap();
        let names: Vec<_> = list.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Counting began", "Exporter started"]);
        for annotation in list {
            assert_eq!(annotation["enable"], true);
            assert_eq!(annotation["useValueForTime"], true);
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
        let is_inside = url.starts_with("/d/screen-records");
        assert!(is_inside || url.starts_with("http://${"), "{url}");
        assert_eq!(link["targetBlank"], !is_inside, "{url}");
        // A link that keeps neither the time nor the data source shows something else.
        let kept = ["${__url_time_range}&${__all_variables}", "${__url_time_range}&${datasource:"];
        assert!(!is_inside || kept.iter().any(|kept| url.contains(kept)), "{url}");
        let inner = url.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
        found.extend(inner.map(|name| name.split(':').next().unwrap().to_owned()));
    }
    found
}

/// Returns the links of a panel, by the name of the column; those of all values have none.
fn links(panel: &Panel) -> Vec<(Option<String>, Vec<Value>)> {
    let overrides = panel.json["fieldConfig"]["overrides"].as_array().into_iter().flatten();
    let mut found = Vec::new();
    for one in overrides {
        for property in one["properties"].as_array().unwrap() {
            if property["id"] == "links" {
                let is_column = one["matcher"]["id"] == "byName";
                let column = one["matcher"]["options"].as_str().filter(|_| is_column);
                let links = property["value"].as_array().unwrap().clone();
                found.push((column.map(str::to_owned), links));
            }
        }
    }
    found
}

/// Returns the columns of a table by the labels that they show.
fn columns(panel: &Panel) -> BTreeMap<String, String> {
    let transformations = panel.json["transformations"].as_array().into_iter().flatten();
    let options = transformations.map(|one| &one["options"]);
    let mut found = BTreeMap::new();
    for options in options.filter(|options| options["indexByName"].is_object()) {
        for label in options["indexByName"].as_object().unwrap().keys() {
            let title = options["renameByName"][label].as_str().unwrap_or(label);
            found.insert(label.clone(), title.to_owned());
        }
    }
    found
}

#[test]
fn links_use_existing_columns_labels_and_variables() {
    let mut checked = 0;
    for board in Board::all() {
        let named = board.variables().iter().map(|variable| variable["name"].as_str().unwrap());
        let mut global: BTreeSet<_> = named.collect();
        global.extend(["__url_time_range", "__all_variables"]);
        for panel in board.panels() {
            let labels: BTreeSet<_> = panel
                .targets()
                .iter()
                .flat_map(|target| Query::of(&target.expression).grouping)
                .collect();
            let renamed = columns(&panel);
            let mut titles: BTreeSet<_> = renamed.values().cloned().collect();
            titles.extend(labels.iter().filter(|label| !renamed.contains_key(*label)).cloned());
            let links: Vec<_> = links(&panel).into_iter().flat_map(|(_, links)| links).collect();
            for variable in variables(&links) {
                let is_there = if let Some(column) = variable.strip_prefix("__data.fields.") {
                    titles.contains(column)
                } else if let Some(label) = variable.strip_prefix("__field.labels.") {
                    labels.contains(label)
                } else {
                    global.contains(variable.as_str())
                };
                assert!(is_there, "{}: {variable} of {titles:?} {labels:?}", panel.place());
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn links_to_panels_lead_to_the_panel_of_their_title() {
    let boards = Board::all();
    let panels = boards[0].panels();
    let mut checked = 0;
    for panel in boards.iter().flat_map(Board::panels) {
        for link in links(&panel).into_iter().flat_map(|(_, links)| links) {
            let url = link["url"].as_str().unwrap();
            let Some((_, number)) = url.split_once("viewPanel=") else { continue };
            let number: u64 = number.parse().unwrap();
            let target = panels.iter().find(|panel| panel.json["id"] == number);
            assert_eq!(target.unwrap().title, link["title"].as_str().unwrap(), "{url}");
            checked += 1;
        }
    }
    assert!(checked > 2, "{checked}");
}

#[test]
fn every_stat_bar_column_and_graph_of_pools_has_a_link() {
    let mut checked = 0;
    for panel in Board::all().iter().flat_map(Board::panels) {
        let links = links(&panel);
        let is_linked = |column: Option<&str>| {
            let mut found = links.iter().filter(|(of, _)| of.as_deref() == column);
            found.any(|(_, links)| !links.is_empty())
        };
        let is_of_pools = panel.targets().iter().any(|t| t.legend.contains("{{name}}"));
        match panel.json["type"].as_str().unwrap() {
            "table" => {
                let titles = columns(&panel).into_values();
                for title in titles {
                    assert!(is_linked(Some(&title)), "{}: {title}", panel.place());
                    checked += 1;
                }
            }
            "stat" | "bargauge" => {
                assert!(is_linked(None), "{}", panel.place());
                checked += 1;
            }
            _ => assert!(!is_of_pools || is_linked(None), "{}", panel.place()),
        }
    }
    assert!(checked > 40, "{checked}");
}

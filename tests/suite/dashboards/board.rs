//! Reader for the committed dashboards.

use serde_json::Value;

use crate::catalog::read;

/// Files of the dashboards.
pub(crate) const FILES: [&str; 2] = ["screen-records.json", "screen-records-exporter.json"];

/// Pattern that stands for all values of a variable, including those with a newline.
pub(crate) const ALL: &str = "(?s:.+)";

/// Dashboard.
pub(crate) struct Board {
    pub(crate) file: &'static str,
    pub(crate) json: Value,
}

/// Panel with queries.
pub(crate) struct Panel {
    pub(crate) file: &'static str,
    pub(crate) title: String,
    pub(crate) json: Value,
}

/// Query of a panel.
pub(crate) struct Target {
    /// File, panel and reference, for messages.
    pub(crate) place: String,
    /// Type of the panel.
    pub(crate) kind: String,
    pub(crate) expression: String,
    pub(crate) legend: String,
    pub(crate) is_instant: bool,
    pub(crate) json: Value,
}

impl Board {
    pub(crate) fn all() -> Vec<Self> {
        let read = |file| serde_json::from_str(&read(&format!("dashboards/{file}"))).unwrap();
        FILES.map(|file| Self { file, json: read(file) }).into()
    }

    /// Returns the panels, including those in the rows.
    pub(crate) fn panels(&self) -> Vec<Panel> {
        let panels = self.json["panels"].as_array().unwrap().iter();
        let opened = panels.flat_map(|panel| match panel["panels"].as_array() {
            Some(inner) => inner.iter().collect(),
            None => vec![panel],
        });
        opened
            .map(|json| Panel {
                file: self.file,
                title: json["title"].as_str().unwrap_or_default().to_owned(),
                json: json.clone(),
            })
            .collect()
    }

    pub(crate) fn variables(&self) -> &Vec<Value> {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// Returns the queries of the annotations.
    pub(crate) fn annotations(&self) -> Vec<String> {
        let list = self.json["annotations"]["list"].as_array().unwrap().iter();
        list.map(|annotation| annotation["expr"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns series and label of each `label_values(series, label)` in the variables.
    pub(crate) fn label_values(&self) -> Vec<(String, String)> {
        let queries = self.variables().iter().filter(|variable| variable["type"] == "query");
        queries
            .map(|variable| {
                let query = variable["query"]["query"].as_str().unwrap();
                let inner = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
                let (series, label) = inner.rsplit_once(", ").unwrap();
                (series.to_owned(), label.to_owned())
            })
            .collect()
    }
}

impl Panel {
    pub(crate) fn place(&self) -> String {
        format!("{}: {}", self.file, self.title)
    }

    pub(crate) fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }

    /// Returns true if its description says that it may be empty.
    pub(crate) fn may_be_empty(&self) -> bool {
        self.description().contains("Empty ")
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let targets = self.json["targets"].as_array().into_iter().flatten();
        let text = |json: &Value, name: &str| json[name].as_str().unwrap_or_default().to_owned();
        targets
            .map(|json| Target {
                place: format!("{} {}", self.place(), text(json, "refId")),
                kind: text(&self.json, "type"),
                expression: text(json, "expr"),
                legend: text(json, "legendFormat"),
                is_instant: json["instant"] == true,
                json: json.clone(),
            })
            .collect()
    }
}

/// Returns every query of every panel.
pub(crate) fn targets() -> Vec<Target> {
    let panels = Board::all().into_iter().flat_map(|board| board.panels());
    let targets: Vec<_> = panels.flat_map(|panel| panel.targets()).collect();
    assert!(targets.len() > 60, "{}", targets.len());
    targets
}

//! Renders the runbook as the content of a page.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown for a page that has a title of its own, and for a server of no other document:
///
/// * The first heading is left out.
/// * Every other heading has the id that viewers of Markdown give it, because alerts link to it.
/// * Links to files, and images, become their text with the path after it.
/// * Cells of tables name their column, because rows become cards on a narrow screen.
/// * HTML is shown as text.
pub(crate) fn html(markdown: &str) -> String {
    let events: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let mut page = Page::default();
    for (at, event) in events.iter().enumerate() {
        page.add(event, &events[at + 1..]);
    }
    let mut text = String::new();
    html::push_html(&mut text, page.events.into_iter());
    text
}

/// Events of the page, made from those of the document.
#[derive(Default)]
struct Page<'e> {
    events: Vec<Event<'e>>,
    has_title: bool,
    in_title: bool,
    /// Path of the file that the current link leads to.
    file: Option<String>,
    table: Table,
}

/// The current table.
#[derive(Default)]
struct Table {
    columns: Vec<String>,
    in_head: bool,
    column: usize,
}

impl<'e> Page<'e> {
    /// Adds an event; `rest` follows it.
    fn add(&mut self, event: &Event<'e>, rest: &[Event<'e>]) {
        match event {
            Event::Start(Tag::Heading { .. }) if !self.has_title => {
                (self.has_title, self.in_title) = (true, true);
            }
            Event::End(TagEnd::Heading(_)) if self.in_title => self.in_title = false,
            _ if self.in_title => {}
            Event::Start(Tag::Heading { level, .. }) => {
                self.events.push(Event::Start(Tag::Heading {
                    level: *level,
                    id: Some(anchor(&text(rest)).into()),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                if is_file(dest_url) =>
            {
                self.file = Some(in_repository(dest_url));
            }
            Event::End(TagEnd::Link | TagEnd::Image) if self.file.is_some() => {
                let path = self.file.take().unwrap_or_default();
                let path = Event::Code(path.into());
                self.events.extend([Event::Text(" (".into()), path, Event::Text(")".into())]);
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                self.events.push(Event::Text(html.clone()));
            }
            event => match self.table.tag(event, rest) {
                Some(tag) => self.events.push(Event::Html(tag.into())),
                None => self.events.push(event.clone()),
            },
        }
    }
}

impl Table {
    /// Returns the HTML of an event that belongs to the frame of a table.
    fn tag(&mut self, event: &Event<'_>, rest: &[Event<'_>]) -> Option<String> {
        let tag = match event {
            Event::Start(Tag::Table(_)) => {
                self.columns.clear();
                "<table>"
            }
            Event::Start(Tag::TableHead) => {
                self.in_head = true;
                "<thead><tr>"
            }
            Event::Start(Tag::TableCell) if self.in_head => {
                self.columns.push(escaped(&text(rest)));
                "<th scope=\"col\">"
            }
            Event::End(TagEnd::TableCell) if self.in_head => "</th>",
            Event::End(TagEnd::TableHead) => {
                self.in_head = false;
                "</tr></thead><tbody>\n"
            }
            Event::Start(Tag::TableRow) => {
                self.column = 0;
                "<tr>"
            }
            Event::Start(Tag::TableCell) => {
                let label = self.columns.get(self.column)?;
                self.column += 1;
                return Some(format!("<td data-label=\"{label}\">"));
            }
            Event::End(TagEnd::TableCell) => "</td>",
            Event::End(TagEnd::TableRow) => "</tr>\n",
            Event::End(TagEnd::Table) => "</tbody></table>\n",
            _ => return None,
        };
        Some(tag.to_owned())
    }
}

/// Returns the text up to the end of the current heading or cell.
fn text(rest: &[Event<'_>]) -> String {
    let end =
        |event: &&Event<'_>| !matches!(event, Event::End(TagEnd::Heading(_) | TagEnd::TableCell));
    let texts = rest.iter().take_while(end).filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// Returns the id of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// Returns true if a link leads neither into the page nor to another site.
fn is_file(address: &str) -> bool {
    !address.starts_with('#') && !address.contains(':')
}

/// Returns the path of a file in the repository from its path in `docs`.
fn in_repository(path: &str) -> String {
    path.strip_prefix("../").map_or_else(|| format!("docs/{path}"), ToOwned::to_owned)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

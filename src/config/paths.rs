//! Paths under which the exporter serves.

/// Paths that are not metrics.
const OTHER_PAGES: [&str; 8] =
    ["/", "/-", "/probe", "/failures", "/records", "/api", "/sd", "/favicon.ico"];

const MAX_PATH_BYTES: usize = 200;

/// True if a text is the path of the metrics.
pub(super) fn is_telemetry_path(text: &str) -> bool {
    let is_other = OTHER_PAGES
        .iter()
        .any(|page| text == *page || *page != "/" && text.starts_with(&format!("{page}/")));
    let is_path = text.strip_prefix('/').is_some_and(has_plain_parts);
    is_path && !is_other && text.len() <= MAX_PATH_BYTES
}

/// True if a text is the prefix of all paths. Slashes at both ends are optional, as in Prometheus.
pub(super) fn is_prefix(text: &str) -> bool {
    let inner = text.trim_matches('/');
    (inner.is_empty() || has_plain_parts(inner)) && text.len() <= MAX_PATH_BYTES
}

fn has_plain_parts(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    // Clients shorten /a/../b to /b.
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(is_plain);
    text.split('/').all(is_part)
}

//! Paths of the pages: those that the exporter serves, and those in links. They differ behind a proxy
//! that changes the path.

use url::Url;

use super::host::Host;

/// Paths of the pages. Every page takes its links from here.
#[derive(Debug, Clone)]
pub struct Links {
    external_url: Option<Url>,
    /// Path of the external URL. Empty, or starts with a / and does not end with one.
    link_prefix: String,
    /// Prefix of the paths that the exporter serves, of the same form.
    route_prefix: String,
    telemetry_path: String,
}

impl Links {
    /// Creates the paths as Prometheus does: the prefix of the served paths is by default the path of the
    /// external URL. Without an external URL, links have the prefix of the served paths.
    pub fn new(
        external_url: Option<&Url>,
        route_prefix: Option<&str>,
        telemetry_path: &str,
    ) -> Self {
        let external = external_url.map(|url| normalised(url.path()));
        let route = route_prefix.map(normalised);
        let route_prefix = route.or_else(|| external.clone()).unwrap_or_default();
        Self {
            external_url: external_url.cloned(),
            link_prefix: external.unwrap_or_else(|| route_prefix.clone()),
            route_prefix,
            telemetry_path: telemetry_path.to_owned(),
        }
    }

    /// Returns the path under which the exporter serves a page, such as `/-/healthy`.
    pub fn route(&self, page: &str) -> String {
        format!("{}{page}", self.route_prefix)
    }

    /// Returns the path under which the exporter serves the metrics.
    pub fn metrics_route(&self) -> String {
        self.route(&self.telemetry_path)
    }

    /// Returns the path of a page for links.
    pub(super) fn link(&self, page: &str) -> String {
        format!("{}{page}", self.link_prefix)
    }

    /// Returns the path of the metrics for links.
    pub(super) fn metrics_link(&self) -> String {
        self.link(&self.telemetry_path)
    }

    /// Returns the prefix of the served paths, if there is one.
    pub(super) fn prefix(&self) -> Option<&str> {
        Some(self.route_prefix.as_str()).filter(|prefix| !prefix.is_empty())
    }

    /// Returns the page at a served path: the path without the prefix. `None` for a path without it.
    pub(super) fn page<'p>(&self, path: &'p str) -> Option<&'p str> {
        match path.strip_prefix(&self.route_prefix)? {
            "" => Some("/"),
            page => page.starts_with('/').then_some(page),
        }
    }

    /// Returns the external URL, if a client that names this host reaches the exporter through it.
    pub(super) fn external_url(&self, host: &Host) -> Option<&Url> {
        self.external_url.as_ref().filter(|url| host.is_of(url))
    }
}

fn normalised(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(external_url: Option<&str>, route_prefix: Option<&str>) -> Links {
        let url = external_url.map(|url| Url::parse(url).unwrap());
        Links::new(url.as_ref(), route_prefix, "/m")
    }

    #[test]
    fn prefixes_are_those_of_prometheus() {
        let url = "https://example.org:8443/a/b//";
        for (external_url, route_prefix, link, route) in [
            (None, None, "/m", "/m"),
            (None, Some("/"), "/m", "/m"),
            (None, Some("p"), "/p/m", "/p/m"),
            (None, Some("//p/q//"), "/p/q/m", "/p/q/m"),
            (Some("https://example.org"), None, "/m", "/m"),
            (Some(url), None, "/a/b/m", "/a/b/m"),
            (Some(url), Some("/"), "/a/b/m", "/m"),
            (Some(url), Some("/p/"), "/a/b/m", "/p/m"),
            (Some("https://example.org/"), Some("/p"), "/m", "/p/m"),
        ] {
            let links = links(external_url, route_prefix);
            assert_eq!((links.metrics_link(), links.metrics_route()), (link.into(), route.into()));
        }
    }

    #[test]
    fn a_page_is_a_path_without_the_prefix() {
        let links = links(None, Some("/p"));
        for (path, page) in [
            ("/p", Some("/")),
            ("/p/", Some("/")),
            ("/p/-/ready", Some("/-/ready")),
            ("/pq", None),
            ("/-/ready", None),
            ("/", None),
        ] {
            assert_eq!(links.page(path), page, "{path}");
        }
    }

    #[test]
    fn the_external_url_is_recognised_by_host_and_port() {
        let links = links(Some("https://Example.org/a"), None);
        for (host, is_external) in [
            ("example.org", true),
            ("EXAMPLE.org:443", true),
            ("example.org:80", false),
            ("example.org:10047", false),
            ("example.com", false),
            ("", false),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(links.external_url(&host).is_some(), is_external, "{host:?}");
        }
    }
}

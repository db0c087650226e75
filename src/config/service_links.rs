//! The variables that Kubernetes injects for each service of a namespace ("service links").
//!
//! A hyphen in the name of a service becomes an underscore, so the variables of a service with two hyphens
//! in a row look like keys: `screen-records-exporter--canary` has `SCREEN_RECORDS_EXPORTER__CANARY_PORT`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::Url;

const HOST: &str = "_SERVICE_HOST";
const PORT: &str = "_SERVICE_PORT";

/// The services for which variables were injected.
pub(super) struct ServiceLinks<'e> {
    environment: &'e BTreeMap<String, String>,
    /// Their names as in the variables.
    services: Vec<&'e str>,
}

impl<'e> ServiceLinks<'e> {
    /// Finds the services. Each has an address and a port: a misspelt key comes alone.
    pub(super) fn find(environment: &'e BTreeMap<String, String>) -> Self {
        let has_port = |service: &&str| environment.contains_key(&format!("{service}{PORT}"));
        let services = environment.keys().filter_map(|name| name.strip_suffix(HOST));
        Self { environment, services: services.filter(has_port).collect() }
    }

    /// True if a variable was injected for one of the services.
    pub(super) fn contains(&self, name: &str) -> bool {
        let Some(text) = self.environment.get(name) else { return false };
        self.services.iter().any(|service| {
            [HOST, PORT].iter().all(|ending| {
                let own = format!("{service}{ending}");
                self.environment.get(&own).is_some_and(|text| is_of_service(ending, text))
            }) && name.strip_prefix(service).is_some_and(|ending| is_of_service(ending, text))
        })
    }
}

/// True if what follows the name of a service, and the value, are those of an injected variable.
fn is_of_service(ending: &str, text: &str) -> bool {
    if ending == HOST {
        return is_address(text);
    }
    // Further ports have a name.
    if let Some(name) = ending.strip_prefix(PORT) {
        return (name.is_empty() || name.starts_with('_')) && is_port(text);
    }
    let Some(words) = ending.strip_prefix("_PORT") else { return false };
    let words: Vec<_> = words.split('_').collect();
    let is_port_of =
        |number: &str, protocol: &str| is_port(number) && is_protocol(&protocol.to_lowercase());
    match words[..] {
        [""] => is_url(text),
        ["", number, protocol] if is_port_of(number, protocol) => is_url(text),
        ["", number, protocol, "PROTO"] if is_port_of(number, protocol) => is_protocol(text),
        ["", number, protocol, "PORT"] if is_port_of(number, protocol) => is_port(text),
        ["", number, protocol, "ADDR"] if is_port_of(number, protocol) => is_address(text),
        _ => false,
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn is_protocol(text: &str) -> bool {
    matches!(text, "tcp" | "udp" | "sctp")
}

fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_protocol(url.scheme()) && url.port().is_some())
}

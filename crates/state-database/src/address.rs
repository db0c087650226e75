//! Address of a database.

use std::fmt;
use std::net::IpAddr;

use rand::seq::SliceRandom;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use url::Url;

/// Address of a database, with user and password. Its texts show only hosts and database.
#[derive(Clone)]
pub struct Address {
    config: Config,
    hosts: Vec<HostConfig>,
}

/// One of the hosts of an address.
#[derive(Clone)]
pub(crate) struct HostConfig {
    /// Name and port, for messages.
    pub(crate) name: String,
    pub(crate) config: Config,
}

/// The URL is not that of a database. The message contains nothing of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not a URL with this scheme.
    #[error(
        "not a URL such as postgresql://USER:PASSWORD@HOST:5432/DATABASE (characters such as @, / and % in the \
         password must be written as %40, %2F and %25)"
    )]
    Scheme,
    /// A value of `sslmode` that is not accepted.
    #[error(
        "its sslmode is not accepted; accepted are disable, require, verify-ca and verify-full"
    )]
    SslMode,
    /// A host, database, user or parameter is missing or wrong.
    #[error("its parameters, port or hosts are not those of a PostgreSQL URL")]
    Invalid,
    /// It has several `@`, so a part of the password would be taken for the host.
    #[error("an @ in its user or password must be written as %40")]
    UnescapedAt,
    /// The host, the user or the database is missing.
    #[error("it has no host, no user or no database")]
    Incomplete,
}

impl Address {
    /// Parses a URL. TLS is used, and the certificate verified, unless its `sslmode` is `disable`. Hosts that refuse
    /// writes are not used, unless it has `target_session_attrs`.
    ///
    /// # Errors
    ///
    /// [`AddressError`]
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let scheme = ["postgresql://", "postgres://"];
        let is_url = scheme.into_iter().any(|scheme| text.starts_with(scheme));
        // A list of hosts is not a URL for `Url`, so only the query is taken from it.
        let (before, query) = text.split_once('?').unwrap_or((text, ""));
        if !is_url {
            return Err(AddressError::Scheme);
        }
        // Otherwise messages would show the rest of the password as a part of the host.
        if before.matches('@').count() > 1 {
            return Err(AddressError::UnescapedAt);
        }
        let (mut uses_tls, mut target) = (true, Some(TargetSessionAttrs::ReadWrite));
        let mut parameters = url::form_urlencoded::Serializer::new(String::new());
        // The parameters without those that name hosts.
        let mut common = url::form_urlencoded::Serializer::new(String::new());
        let parsed = Url::parse(&format!("x:?{query}")).map_err(|_| AddressError::Invalid)?;
        for (name, value) in parsed.query_pairs() {
            match (&*name, &*value) {
                ("sslmode", "disable") => uses_tls = false,
                // All of them verify the certificate and the name. `tokio_postgres` does not know the last two.
                ("sslmode", "require" | "verify-ca" | "verify-full") => {}
                // With these, an attacker on the way could turn encryption off.
                ("sslmode", _) => return Err(AddressError::SslMode),
                _ => {
                    parameters.append_pair(&name, &value);
                    if !["host", "hostaddr", "port"].contains(&&*name) {
                        common.append_pair(&name, &value);
                    }
                    if name == "target_session_attrs" {
                        target = None;
                    }
                }
            }
        }
        let parse = |before: &str, parameters: String| -> Result<Config, AddressError> {
            let text = format!("{before}?{}", parameters.replace('+', "%20"));
            let mut config: Config = text.parse().map_err(|_| AddressError::Invalid)?;
            config.ssl_mode(if uses_tls { SslMode::Require } else { SslMode::Disable });
            // A standby would answer with an old end of the log.
            if let Some(target) = target {
                config.target_session_attrs(target);
            }
            if config.get_application_name().is_none() {
                config.application_name("screen-records-exporter");
            }
            Ok(config)
        };
        let config = parse(before, parameters.finish())?;
        let is_complete = config.get_user().is_some() && config.get_dbname().is_some();
        if !is_complete || config.get_hosts().is_empty() {
            return Err(AddressError::Incomplete);
        }
        let common = parse(&without_hosts(before), common.finish())?;
        Ok(Self { hosts: hosts(&config, &common)?, config })
    }

    /// Returns whether connections use TLS.
    pub fn uses_tls(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }

    /// Returns whether all hosts are this machine.
    pub fn is_loopback(&self) -> bool {
        // These are used instead of the hosts.
        if !self.config.get_hostaddrs().iter().all(IpAddr::is_loopback) {
            return false;
        }
        self.config.get_hosts().iter().all(|host| match host {
            Host::Tcp(host) => {
                host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
    }

    /// Returns the user.
    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Returns the hosts, at least one, in the order in which they are tried.
    pub(crate) fn hosts(&self) -> &[HostConfig] {
        &self.hosts
    }
}

/// Removes the hosts from a URL without parameters.
fn without_hosts(url: &str) -> String {
    let credentials = url.find('@').or_else(|| Some(url.find("://")? + 2)).map_or(0, |end| end + 1);
    let path = url[credentials..].find('/').map_or("", |path| &url[credentials + path..]);
    format!("{}{path}", &url[..credentials])
}

/// Returns the hosts of a config, each with everything that they have in common.
fn hosts(config: &Config, common: &Config) -> Result<Vec<HostConfig>, AddressError> {
    let (names, addresses, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let fits = |number| number == names.len();
    if !(addresses.is_empty() || fits(addresses.len())) || !(ports.len() <= 1 || fits(ports.len()))
    {
        return Err(AddressError::Invalid);
    }
    let mut hosts = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let mut of_host = common.clone();
        match name {
            Host::Tcp(name) => of_host.host(name),
            #[cfg(unix)]
            Host::Unix(path) => of_host.host_path(path),
        };
        if let Some(address) = addresses.get(number) {
            of_host.hostaddr(*address);
        }
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
        of_host.port(port);
        hosts.push(HostConfig { name: format!("{}:{port}", host(name)), config: of_host });
    }
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        hosts.shuffle(&mut rand::rng());
    }
    Ok(hosts)
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(host) => host.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

/// Shows hosts and database.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.config.get_hosts().iter().map(host).collect();
        write!(f, "{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_uses_tls_unless_it_says_otherwise() {
        for (url, uses_tls) in [
            ("postgresql://u:p@db.example/x", true),
            ("postgres://u@db.example:1234/x?sslmode=verify-full", true),
            ("postgresql://u@db.example/x?application_name=a%20b&sslmode=require", true),
            ("postgresql://u@db.example/x?sslmode=disable&connect_timeout=3", false),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.uses_tls(), uses_tls, "{url}");
            assert_eq!(address.to_string(), "db.example/x");
            assert!(!address.is_loopback());
        }
        let address = Address::parse("postgresql://u@x/d?application_name=a%20b%2Bc").unwrap();
        assert_eq!(address.hosts()[0].config.get_application_name(), Some("a b+c"));
    }

    #[test]
    fn each_host_has_its_port_and_address_and_what_all_have_in_common() {
        let url = "postgresql://al:p%2Fw@one:77,[::1],two:78/d?sslmode=disable&options=-c%20x%3Dy";
        let shown = |url: &str| -> Vec<_> {
            let address = Address::parse(url).unwrap();
            let config = |host: &HostConfig| {
                let config = &host.config;
                assert_eq!((config.get_user(), config.get_dbname()), (Some("al"), Some("d")));
                assert_eq!(config.get_password(), Some("p/w".as_bytes()));
                assert_eq!(config.get_ssl_mode(), SslMode::Disable);
                assert_eq!(config.get_options(), Some("-c x=y"));
                let (hosts, ports) = (config.get_hosts(), config.get_ports());
                assert_eq!((hosts.len(), ports.len()), (1, 1));
                assert_eq!(host.name, format!("{}:{}", super::host(&hosts[0]), ports[0]));
                let target = config.get_target_session_attrs();
                (host.name.clone(), config.get_hostaddrs().to_vec(), target)
            };
            address.hosts().iter().map(config).collect()
        };
        let writes = TargetSessionAttrs::ReadWrite;
        assert_eq!(
            shown(url),
            ["one:77", "::1:5432", "two:78"].map(|name| (name.to_owned(), Vec::new(), writes))
        );
        let address = |number| vec![IpAddr::from([192, 0, 2, number])];
        let any = TargetSessionAttrs::Any;
        assert_eq!(
            shown(&format!(
                "{url}&hostaddr=192.0.2.1,192.0.2.2,192.0.2.3&target_session_attrs=any"
            )),
            [("one:77", 1), ("::1:5432", 2), ("two:78", 3)].map(|(name, number)| (
                name.to_owned(),
                address(number),
                any
            ))
        );
        let in_query =
            "postgresql://al:p%2Fw@/d?host=/run&host=x&port=79&sslmode=disable&options=-c%20x%3Dy";
        assert_eq!(
            shown(in_query),
            ["/run:79", "x:79"].map(|name| (name.to_owned(), Vec::new(), writes))
        );
        for parameters in ["hostaddr=192.0.2.1", "port=1"] {
            let error = Address::parse(&format!("{url}&{parameters}")).err();
            assert_eq!(error, Some(AddressError::Invalid));
        }
    }

    #[test]
    fn texts_show_neither_user_nor_password() {
        let address = Address::parse("postgresql://alice:s%40cret@[::1]:77,localhost/d").unwrap();
        assert_eq!(format!("{address} {address:?}"), "::1,localhost/d Address(::1,localhost/d)");
        assert!(address.is_loopback());
        let address = Address::parse("postgresql://u@localhost/d?hostaddr=192.0.2.1").unwrap();
        assert!(!address.is_loopback());
    }

    #[test]
    fn what_is_not_a_complete_url_is_refused() {
        use AddressError::*;
        for (url, error) in [
            ("", Scheme),
            ("mysql://u:secret@x/d", Scheme),
            ("host=x user=u dbname=d password=secret", Scheme),
            ("postgresql://u:secret@x/d?sslmode=prefer", SslMode),
            ("postgresql://u:secret@x:port/d", Invalid),
            ("postgresql://u:p@secret@x/d", UnescapedAt),
            ("postgresql://u:p@sec/ret@x/d?sslmode=disable", UnescapedAt),
            ("postgresql://u:secret@x/d?sslcert=secret", Invalid),
            ("postgresql://u:secret@x", Incomplete),
            ("postgresql://x/d", Incomplete),
            ("postgresql:///d?user=u", Incomplete),
        ] {
            let result = Address::parse(url);
            assert_eq!(result.as_ref().err(), Some(&error), "{url}: {result:?}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}

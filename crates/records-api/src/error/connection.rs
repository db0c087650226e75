//! Problems of connections that an administrator can solve: certificates and proxies.

/// The reason why a certificate was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateProblem {
    /// No authority of this machine signed it.
    UnknownIssuer,
    /// No authority in `api.ca_file` signed it.
    NotInCaFile,
    /// This machine has no certificates of authorities.
    NoRoots,
    /// It is the certificate of an authority, not of a server.
    Authority,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It belongs to other host names.
    OtherName,
    /// Another reason.
    Other,
}

/// Cause of a failed connection through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyProblem {
    /// The proxy requires a user and a password, or refused them.
    Unauthorized,
    /// The proxy refused to connect to the server, or could not.
    Refused,
    /// The proxy cannot be reached.
    Unreachable,
    /// The connection through the proxy broke.
    Broken,
}

impl CertificateProblem {
    /// Returns what an administrator can do. `key` has the URL of the server.
    pub(super) fn remedy(self, key: &str) -> String {
        match self {
            Self::UnknownIssuer => "an authority that this machine does not trust signed the \
                certificate: if it is your own authority, or that of a proxy that intercepts TLS, \
                set `api.ca_file` to a file with its certificate in PEM form; otherwise update the \
                root certificates of this machine (package ca-certificates)"
                .to_owned(),
            Self::NotInCaFile => "the file in `api.ca_file` does not contain the authority that \
                signed the certificate, and replaces those of the system: add the certificate of \
                that authority to it, or remove `api.ca_file` to trust those of the system"
                .to_owned(),
            Self::NoRoots => {
                "this machine has no certificates of authorities: install the package \
                ca-certificates, or set `api.ca_file` to a file with the certificate of the \
                authority in PEM form"
                    .to_owned()
            }
            Self::Authority => {
                "the server presents the certificate of an authority (CA:TRUE): give \
                the server a certificate of its own (CA:FALSE), and put that of the authority \
                that signed it into `api.ca_file`"
                    .to_owned()
            }
            Self::Expired => format!(
                "the certificate has expired: renew it on the server, and check this machine's \
                 clock (NTP) and that `{key}` is the right server"
            ),
            Self::NotYetValid => "the certificate is not valid yet: check this machine's clock \
                (NTP) and that of the server on which it was made"
                .to_owned(),
            Self::OtherName => format!(
                "the certificate belongs to other host names: write the host in `{key}` as the \
                 certificate has it, and check that DNS or a proxy does not lead to another server"
            ),
            Self::Other => format!(
                "replace the certificate on the server; check `{key}`, and `api.ca_file` if it is \
                 set"
            ),
        }
    }
}

impl ProxyProblem {
    /// Returns what an administrator can do. `key` has the URL of the server.
    pub(super) fn remedy(self, key: &str) -> String {
        match self {
            Self::Unauthorized => "the proxy requires a user and password, or refused them: check \
                `api.proxy_url`"
                .to_owned(),
            Self::Refused => format!(
                "the proxy in `api.proxy_url` refused to connect to the server in `{key}`, or could \
                 not: permit CONNECT to that host and port in its rules, and look at its log for \
                 the status that it answered"
            ),
            Self::Unreachable => {
                "check the host and port in `api.proxy_url`, that the proxy runs, \
                and that this machine may connect to it"
                    .to_owned()
            }
            Self::Broken => format!(
                "the proxy in `api.proxy_url` connected, then the connection broke: look at its \
                 log, and check that the server in `{key}` speaks TLS"
            ),
        }
    }
}

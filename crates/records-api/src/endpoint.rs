//! The endpoints of the API, of IAM and of the metadata service.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An endpoint, which has its own permissions and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `GET /v2/{project_id}/screen-records`
    ScreenRecords,
    /// `GET /v2/{project_id}/desktop-pools`
    DesktopPools,
    /// `POST /v3/auth/tokens` of IAM
    IamTokens,
    /// `PUT /meta-data/latest/api/token` of the metadata service
    MetadataToken,
    /// `GET /openstack/latest/securitykey` of the metadata service
    SecurityKey,
}

impl Endpoint {
    /// Returns the value of the label `endpoint`; for the records API also the last part of the
    /// path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScreenRecords => "screen-records",
            Self::DesktopPools => "desktop-pools",
            Self::IamTokens => "iam-tokens",
            Self::MetadataToken => "metadata-token",
            Self::SecurityKey => "metadata-securitykey",
        }
    }

    /// True for the records API, false for endpoints that return credentials.
    pub fn is_records_api(self) -> bool {
        matches!(self, Self::ScreenRecords | Self::DesktopPools)
    }

    /// Returns the IAM action that permits requests.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::ScreenRecords => "workspace:screenRecord:list",
            Self::DesktopPools => "workspace:desktopPools:list",
            Self::IamTokens | Self::MetadataToken | Self::SecurityKey => "none",
        }
    }

    /// Returns the request for credentials, for people; `None` for the records API.
    pub fn fixed_request(self) -> Option<&'static str> {
        match self {
            Self::ScreenRecords | Self::DesktopPools => None,
            Self::IamTokens => Some("POST /v3/auth/tokens?nocatalog=true"),
            Self::MetadataToken => Some("PUT /meta-data/latest/api/token"),
            Self::SecurityKey => Some("/openstack/latest/securitykey"),
        }
    }

    /// Returns the config key with the URL.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ScreenRecords | Self::DesktopPools => "projects.endpoint",
            Self::IamTokens => "projects.auth.iam_endpoint",
            Self::MetadataToken | Self::SecurityKey => "projects.auth.metadata_endpoint",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

//! What can be asked, of whom.

use std::fmt;

/// A part of the API that has its own limits, permissions and figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The label value, and for those of the API the last part of the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScreenRecords => "screen-records",
            Self::DesktopPools => "desktop-pools",
            Self::IamTokens => "iam-tokens",
            Self::MetadataToken => "metadata-token",
            Self::SecurityKey => "metadata-securitykey",
        }
    }

    /// Whether it is the records API: the others give credentials for it.
    pub fn is_of_api(self) -> bool {
        matches!(self, Self::ScreenRecords | Self::DesktopPools)
    }

    /// The permission that IAM wants for it.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::ScreenRecords => "workspace:screenRecord:list",
            Self::DesktopPools => "workspace:desktopPools:list",
            Self::IamTokens | Self::MetadataToken | Self::SecurityKey => "none",
        }
    }

    /// The request by which credentials are asked for there; `None` where records are.
    pub fn fixed_request(self) -> Option<&'static str> {
        match self {
            Self::ScreenRecords | Self::DesktopPools => None,
            Self::IamTokens => Some("POST /v3/auth/tokens?nocatalog=true"),
            Self::MetadataToken => Some("PUT /meta-data/latest/api/token"),
            Self::SecurityKey => Some("/openstack/latest/securitykey"),
        }
    }

    /// The key that says where it is.
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

//! The page `/`.

/// The endpoints.
pub(super) const PAGE: &str = "\
Simulated Workspace screen-records API

GET  /v2/{project_id}/screen-records               the list of records
GET  /v2/{project_id}/screen-records/{record_id}   one record
GET  /v2/{project_id}/desktop-pools                the list of desktop pools
POST /v3/auth/tokens[?nocatalog=true]              IAM: a token for a password
PUT  /meta-data/latest/api/token                   metadata service: a token for the next
GET  /openstack/latest/securitykey                 metadata service: temporary keys
GET  /simulator/truth?from=TIME                    what is true now, as JSON; TIME is ISO 8601 or
                                                   milliseconds since 1970
GET  /simulator/requests                           requests counted by endpoint and outcome, and by
                                                   endpoint and credential; locked keys
POST /simulator/faults                             a JSON array of faults to set; [] for none
GET  /                                             this page

Without any credential configured nothing is checked. Otherwise requests to /v2 and to unknown paths
need a valid X-Auth-Token (--token, or one of IAM) or a signature of SDK-HMAC-SHA256 (--access-key,
or keys of the metadata service) with X-Sdk-Date within 15 minutes of the simulator's clock. An access
key is locked for 5 minutes by its sixth failure in a row, an IAM user for 15.
";

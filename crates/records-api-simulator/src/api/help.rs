//! Help text of the page `/`.

/// Every endpoint.
pub(super) const PAGE: &str = "\
Simulated Workspace screen-records API

GET  /v2/{project_id}/screen-records               list of records
GET  /v2/{project_id}/screen-records/{record_id}   one record
GET  /v2/{project_id}/desktop-pools                list of desktop pools
POST /v3/auth/tokens[?nocatalog=true]              IAM: a token for a password
PUT  /meta-data/latest/api/token                   metadata service: a token for the next request
GET  /openstack/latest/securitykey                 metadata service: temporary keys
GET  /simulator/truth?from=TIME                    what a correct client must find, as JSON; TIME
                                                   is ISO 8601 or milliseconds since 1970
GET  /simulator/requests                           requests by endpoint and outcome, and by
                                                   endpoint and credential; locked keys
POST /simulator/faults                             replaces the faults by a JSON array of faults
GET  /                                             this page

If no credential is configured, requests need none. Otherwise requests to /v2 and to unknown paths
need a valid X-Auth-Token (--token, or a token of IAM) or an SDK-HMAC-SHA256 signature (--access-key,
or keys of the metadata service) with an X-Sdk-Date within 15 minutes of the simulator's clock. Six
failures in a row lock an access key for 5 minutes, or an IAM user for 15 minutes.
";

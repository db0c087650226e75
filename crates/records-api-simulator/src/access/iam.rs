//! IAM: issues a token for a user name and a password.
//!
//! Supports the password method only, and a single user. The answer for a wrong project is
//! invented, after Keystone, on which IAM is based.

use serde_json::{Value, json};

use super::{
    lockout::{Lock, Lockout},
    options::AccessOptions,
    secret_generator::{SECRET_KEY_ALPHABET, SecretGenerator, TOKEN_ALPHABET},
};
use crate::{
    time,
    wire::error::{ApiError, ErrorShape},
};

/// Wrong passwords in a row before the user is locked, and how long the lock lasts. Both are
/// invented.
const ALLOWED_FAILURES: u32 = 5;
const LOCK_MILLIS: i64 = 15 * 60 * 1000;
/// Older tokens are forgotten.
const MAX_TOKENS: usize = 1000;
/// Size of the body with the catalog: larger than a client should be willing to read for a token.
const MIN_CATALOG_BYTES: usize = 2 << 20;
/// The project id in tokens when only the name of the project is configured.
const INVENTED_PROJECT_ID: &str = "5f1c5e3d0a7b4c2e9d8f6a1b2c3d4e5f";

/// The scope of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Project(String),
    /// A project given by name whose id is not configured: any id is accepted.
    AnyProject,
    /// The whole account, without a project.
    Account,
}

struct Token {
    text: String,
    scope: Scope,
    expires: i64,
    is_revoked: bool,
}

/// A token, and the body of the answer that carries it.
pub(crate) struct IssuedToken {
    pub(crate) token: String,
    pub(crate) body: Vec<u8>,
}

/// The user, and the issued tokens.
pub(super) struct Iam {
    domain: String,
    user: Option<String>,
    password: String,
    project_id: Option<String>,
    project_name: Option<String>,
    lifetime: i64,
    token_bytes: usize,
    /// The newest tokens, oldest first. `evicted` older ones came before them.
    tokens: Vec<Token>,
    evicted: u64,
    secrets: SecretGenerator,
    lockout: Lockout,
}

impl Iam {
    pub(super) fn new(options: &AccessOptions, project_id: Option<&str>, seed: u64) -> Self {
        Self {
            domain: options.iam_domain.clone().unwrap_or_default(),
            user: options.iam_user.clone(),
            password: options.iam_password.clone().unwrap_or_default(),
            project_id: project_id.map(str::to_owned),
            project_name: options.project_name.clone(),
            lifetime: time::duration_millis(options.token_lifetime),
            token_bytes: options.token_bytes,
            tokens: Vec::new(),
            evicted: 0,
            secrets: SecretGenerator::new(seed, 0x1a),
            lockout: Lockout::new(ALLOWED_FAILURES, LOCK_MILLIS),
        }
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    pub(super) fn set_password(&mut self, password: &str) {
        password.clone_into(&mut self.password);
    }

    pub(super) fn revoke_tokens(&mut self) {
        for token in &mut self.tokens {
            token.is_revoked = true;
        }
    }

    pub(super) fn locks(&self) -> &[Lock] {
        self.lockout.locks()
    }

    /// Answers a request for a token.
    pub(super) fn sign_in(
        &mut self,
        body: &[u8],
        with_catalog: bool,
        now: i64,
    ) -> Result<IssuedToken, ApiError> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let identity = &body["auth"]["identity"];
        let user = &identity["password"]["user"];
        let (Some(name), Some(password), Some(domain)) =
            (user["name"].as_str(), user["password"].as_str(), user["domain"]["name"].as_str())
        else {
            return Err(nested_error(400, "The request body is invalid."));
        };
        if identity["methods"] != json!(["password"]) {
            return Err(nested_error(400, "The method is not supported."));
        }
        if self.lockout.is_locked(name, now) {
            return Err(error_with_code("IAM.0061", "Account locked."));
        }
        let is_known = self.user.as_deref() == Some(name) && self.domain == domain;
        if !is_known || self.password != password {
            self.lockout.fail(name, now);
            return Err(error_with_code("IAM.0062", "Incorrect password."));
        }
        self.lockout.succeed(name);
        let scope = self.scope(&body["auth"]["scope"])?;
        Ok(self.issue(scope, with_catalog, now))
    }

    /// Checks a token against the project of a request. `None` if the token was never issued.
    pub(super) fn check(
        &self,
        text: &[u8],
        project: Option<&str>,
        now: i64,
    ) -> Option<Result<(), ApiError>> {
        let token = self.tokens.iter().find(|token| token.text.as_bytes() == text)?;
        if token.is_revoked || now >= token.expires {
            return Some(Err(ApiError::new(401, "APIGW.0307", "The token must be updated.")));
        }
        let is_in_scope = match (&token.scope, project) {
            (Scope::AnyProject, _) | (_, None) => true,
            (Scope::Project(id), Some(project)) => id == project,
            (Scope::Account, Some(_)) => false,
        };
        Some(if is_in_scope { Ok(()) } else { Err(ApiError::project_mismatch()) })
    }

    /// Returns the number of a token, in the order of issue, from 1.
    pub(super) fn number_of(&self, text: &[u8]) -> Option<u64> {
        let index = self.tokens.iter().position(|token| token.text.as_bytes() == text)?;
        Some(self.evicted + index as u64 + 1)
    }

    /// Reads the requested scope. A project takes precedence over the account, which is the
    /// default.
    fn scope(&self, scope: &Value) -> Result<Scope, ApiError> {
        let (id, name) = (scope["project"]["id"].as_str(), scope["project"]["name"].as_str());
        let differs = |requested: Option<&str>, real: &Option<String>| {
            requested.is_some() && real.is_some() && requested != real.as_deref()
        };
        if differs(id, &self.project_id) || differs(name, &self.project_name) {
            return Err(nested_error(401, "The project does not exist."));
        }
        Ok(match (id, name, &self.project_id) {
            (Some(id), ..) => Scope::Project(id.to_owned()),
            (None, Some(_), Some(id)) => Scope::Project(id.clone()),
            (None, Some(_), None) => Scope::AnyProject,
            (None, None, _) => Scope::Account,
        })
    }

    fn issue(&mut self, scope: Scope, with_catalog: bool, now: i64) -> IssuedToken {
        let expires = now.saturating_add(self.lifetime);
        let text = self.secrets.draw("MIIP", TOKEN_ALPHABET, self.token_bytes);
        let domain = json!({"id": "d78cbac186b744899480f25bd022f468", "name": self.domain});
        let catalog = if with_catalog { self.catalog() } else { Vec::new() };
        let mut token = json!({
            "expires_at": time::iso_micros(expires),
            "issued_at": time::iso_micros(now),
            "methods": ["password"],
            "catalog": catalog,
            "roles": [{"id": "0", "name": "op_gated_example"}],
            "user": {"id": "7116d09f88fa41908676fdd4b039e95b", "name": self.user,
                     "domain": domain, "password_expires_at": ""},
        });
        let id = match &scope {
            Scope::Project(id) => Some(id.as_str()),
            Scope::AnyProject => Some(INVENTED_PROJECT_ID),
            Scope::Account => None,
        };
        match id {
            Some(id) => {
                let name = self.project_name.as_deref().unwrap_or("cn-north-4");
                token["project"] = json!({"id": id, "name": name, "domain": domain});
            }
            None => token["domain"] = domain,
        }
        if self.tokens.len() == MAX_TOKENS {
            self.tokens.remove(0);
            self.evicted += 1;
        }
        self.tokens.push(Token { text: text.clone(), scope, expires, is_revoked: false });
        IssuedToken { token: text, body: json!({"token": token}).to_string().into_bytes() }
    }

    /// Builds a catalog of at least [`MIN_CATALOG_BYTES`].
    fn catalog(&mut self) -> Vec<Value> {
        let url = self.secrets.draw("https://", SECRET_KEY_ALPHABET, 2000);
        let service = json!({"type": "example", "name": "example", "endpoints": [
            {"region": "cn-north-4", "interface": "public", "region_id": "cn-north-4", "url": url}]});
        vec![service; MIN_CATALOG_BYTES.div_ceil(url.len())]
    }
}

/// Returns the user name in a request for a token.
pub(super) fn user_name(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["auth"]["identity"]["password"]["user"]["name"].as_str().map(str::to_owned)
}

/// An IAM error whose code is the HTTP status.
fn nested_error(status: u16, message: &str) -> ApiError {
    ApiError { shape: ErrorShape::Nested, ..ApiError::new(status, "", message) }
}

fn error_with_code(code: &'static str, message: &str) -> ApiError {
    ApiError { shape: ErrorShape::NestedCode, ..ApiError::new(401, code, message) }
}

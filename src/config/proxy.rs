//! The proxy's URL, which is a secret: a user and a password may stand in it.

use url::Url;

use super::secrets::Wanted;

pub(super) const PROXY: Wanted = Wanted {
    key: "api.proxy_url",
    path: "api.proxy_url",
    noun: "URL of a proxy",
    accepts: is_proxy,
    is_exact: false,
};

fn is_proxy(text: &str) -> bool {
    // The URL library mends these in silence: `http:host`, tabs within, backslashes.
    let is_mended = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    let Ok(url) = Url::parse(text) else { return false };
    text.contains("://")
        && !text.contains(is_mended)
        && matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_and_may_have_a_user() {
        for text in [
            "http://proxy.example.org:3128",
            "https://proxy.example.org/",
            "http://me:p%40ss%20word@[::1]:8080",
            "http://10.0.0.1",
        ] {
            assert!(is_proxy(text), "{text}");
        }
        for text in [
            "",
            "proxy.example.org:3128",
            "http:proxy.example.org",
            "socks5://proxy.example.org",
            "http://",
            "http://proxy.example.org/path",
            "http://proxy.example.org/?q",
            "http://proxy.example.org#f",
            "http://me:pass word@proxy.example.org",
            "http://me:a/b@proxy.example.org",
            "http://me:a#b@proxy.example.org",
            "http://proxy.example.org:99999",
        ] {
            assert!(!is_proxy(text), "{text}");
        }
    }
}

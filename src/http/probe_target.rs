//! The parameter `target` of `/probe`.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Returns the project that a query string names. Other parameters are ignored, because a relabelling
/// may add some.
///
/// # Errors
///
/// The reason as a sentence without a full stop.
pub(super) fn probe_target(query: &str) -> Result<String, String> {
    let parameters = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let targets = parameters.filter(|(name, _)| *name == "target").map(|(_, text)| decode(text));
    let mut targets = targets.collect::<Result<Vec<_>, _>>()?;
    match &targets[..] {
        [_] => {}
        [] => return Err("The request has no target".to_owned()),
        [one, other] => {
            return Err(format!("The request has two targets, {one:?} and {other:?}"));
        }
        more => return Err(format!("The request has {} targets", more.len())),
    }
    let target = targets.swap_remove(0);
    if target.is_empty() { Err("The target is empty".to_owned()) } else { Ok(target) }
}

/// Decodes a value of a form, in which a + is a space.
fn decode(text: &str) -> Result<String, String> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let is_encoded = memchr::memchr_iter(b'%', bytes)
        .all(|at| is_digit(bytes.get(at + 1)) && is_digit(bytes.get(at + 2)));
    if !is_encoded {
        return Err(format!("The percent-encoding of the target {text:?} is invalid"));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8();
    let decoded = decoded.map(Cow::into_owned);
    decoded.map_err(|_| format!("The target {text:?} is not UTF-8"))
}

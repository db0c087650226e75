//! Mutants: a seed in which pieces are cut out, doubled, swapped, replaced, or damaged.
//!
//! Random bytes hardly get past the first brace, and damage at random places hardly past the
//! parser. So most mutants keep the syntax of JSON and TOML whole, and change what it says; the
//! others break it, at any byte.

use std::ops::Range;

use super::engine::Target;

/// Inputs stay small: what happens to long ones happens to short ones.
const MOST_BYTES: usize = 16 * 1024;
/// A long text.
const LONG: usize = 1500;
/// Of 256 mutants, those that are not damaged.
const WHOLE: u8 = 192;

/// The bytes of a recipe, one choice after the other; zeros when they are used up.
struct Choices<'r>(std::slice::Iter<'r, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        number % end.max(1)
    }

    fn one<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        list.get(self.below(list.len()))
    }

    fn is_over(&self) -> bool {
        self.0.len() == 0
    }
}

/// The mutant that a recipe tells. The same recipe tells the same.
pub(super) fn mutant(target: &Target, recipe: &[u8]) -> Vec<u8> {
    let mut choices = Choices(recipe.iter());
    let mut input = target.seeds[choices.below(target.seeds.len())].clone();
    let is_whole = choices.byte() < WHOLE;
    while !choices.is_over() {
        if is_whole || choices.byte() < 128 {
            rewrite(&mut input, target, &mut choices);
        } else {
            damage(&mut input, target, &mut choices);
        }
        input.truncate(MOST_BYTES);
    }
    input
}

/// A change that keeps the syntax.
fn rewrite(input: &mut Vec<u8>, target: &Target, choices: &mut Choices<'_>) {
    let tokens = tokens(input);
    let kind = choices.byte() % 8;
    let Some((at, token)) = pick(&tokens, choices) else { return };
    let text = |range: &Range<usize>| &input[range.clone()];
    let sign_after = tokens.get(at + 1).map_or(&b""[..], |next| text(next));
    let is_atom = |token: &Range<usize>| !is_sign(text(token)[0]);
    if matches!(text(&token), b"}" | b"]") {
        return;
    }
    if kind >= 6 || !is_atom(&token) {
        let element = element(input, &tokens, at);
        let copy = [b",", text(&element)].concat();
        if kind.is_multiple_of(2) {
            input.splice(element.end..element.end, copy);
        } else {
            let is_comma = |at: usize| input.get(at) == Some(&b',');
            let before = element.start > 0 && is_comma(element.start - 1);
            let after = !before && is_comma(element.end);
            input.drain(element.start - usize::from(before)..element.end + usize::from(after));
        }
    } else if kind == 4 && token.len() > 2 && text(&token).starts_with(b"\"") && choices.byte() < 32
    {
        let inner = token.start + 1..token.end - 1;
        let long = text(&inner).repeat(LONG / inner.len().max(1));
        input.splice(inner, long);
    } else if kind < 5 {
        let fits: fn(&str) -> bool = match sign_after {
            b":" => |piece| piece.starts_with('"') && piece.ends_with('"'),
            b"=" => |piece| piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            _ => is_value,
        };
        let fitting: Vec<_> = target.tokens.iter().filter(|piece| fits(piece)).collect();
        if let Some(piece) = choices.one(&fitting) {
            input.splice(token, piece.bytes());
        }
    } else {
        let alike = |other: &usize| {
            let after = tokens.get(other + 1).map_or(&b""[..], |next| text(next));
            is_atom(&tokens[*other])
                && matches!(after, b":" | b"=") == matches!(sign_after, b":" | b"=")
        };
        let others: Vec<_> = (0..tokens.len()).filter(alike).collect();
        if let Some(other) = choices.one(&others).map(|other| &tokens[*other]) {
            swap(input, &token, other);
        }
    }
}

/// Whether a piece can stand where a value stands.
fn is_value(piece: &str) -> bool {
    let is_between = |first: char, last: char| piece.starts_with(first) && piece.ends_with(last);
    is_between('{', '}')
        || is_between('[', ']')
        || is_between('"', '"')
        || piece.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && piece.ends_with(|c: char| c.is_ascii_digit())
        || matches!(piece, "null" | "true" | "false" | "nan")
}

/// What stands between two commas, or lines, around a token; of a bracket, with all that is in it.
fn element(input: &[u8], tokens: &[Range<usize>], at: usize) -> Range<usize> {
    let sign = |index: usize| input[tokens[index].start];
    let (mut first, mut last, mut depth) = (at, at, 0_i32);
    while first > 0 {
        match sign(first - 1) {
            b'{' | b'[' | b',' | b'\n' if depth == 0 => break,
            b'{' | b'[' => depth -= 1,
            b'}' | b']' => depth += 1,
            _ => {}
        }
        first -= 1;
    }
    depth = i32::from(matches!(sign(at), b'{' | b'['));
    while last + 1 < tokens.len() {
        match sign(last + 1) {
            b'}' | b']' | b',' | b'\n' if depth == 0 => break,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        last += 1;
    }
    tokens[first].start..tokens[last].end
}

/// A change that may break the syntax.
fn damage(input: &mut Vec<u8>, target: &Target, choices: &mut Choices<'_>) {
    let tokens = tokens(input);
    let kind = choices.byte() % 8;
    let (_, token) = pick(&tokens, choices).unwrap_or((0, 0..0));
    let at = choices.below(input.len() + 1);
    match kind {
        0 | 1 => {
            let piece = choices.one(target.tokens).copied().unwrap_or_default();
            let place = if kind == 0 { token.start..token.start } else { token };
            input.splice(place, piece.bytes());
        }
        2 => {
            let other = &target.seeds[choices.below(target.seeds.len())];
            input.truncate(token.start);
            input.extend_from_slice(&other[choices.below(other.len())..]);
        }
        3 => input.insert(at, choices.byte()),
        4 | 5 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = if kind == 4 { *byte ^ 1 << (choices.byte() % 8) } else { choices.byte() };
            }
        }
        6 => {
            input.drain(at..(at + choices.below(20)).min(input.len()));
        }
        _ => input.truncate(at),
    }
}

fn pick(tokens: &[Range<usize>], choices: &mut Choices<'_>) -> Option<(usize, Range<usize>)> {
    let at = choices.below(tokens.len());
    tokens.get(at).map(|token| (at, token.clone()))
}

fn swap(input: &mut Vec<u8>, one: &Range<usize>, other: &Range<usize>) {
    let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
    if first.end > second.start {
        return;
    }
    let parts = [second.clone(), first.end..second.start, first.clone()];
    let swapped = parts.map(|part| &input[part]).concat();
    input.splice(first.start..second.end, swapped);
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"_-+.".contains(&byte)
}

/// Where the tokens are, roughly, in JSON and in TOML: texts in quotes, words and numbers, signs,
/// ends of lines.
fn tokens(input: &[u8]) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        let rest = &input[at..];
        let length = match byte {
            b'"' => text_length(rest),
            byte if is_sign(*byte) => 1,
            _ => rest.iter().take_while(|byte| !is_sign(**byte) && **byte != b'"').count(),
        };
        if *byte == b'\n' || !byte.is_ascii_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

fn text_length(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = rest.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(rest.len(), |end| end + 2)
}

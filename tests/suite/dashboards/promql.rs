//! Extracts selectors and grouping labels from a query. Does not validate it; Prometheus does that.

use std::collections::BTreeSet;

/// Selector in a query.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: Vec<Matcher>,
    /// Range in brackets.
    pub(crate) range: Option<String>,
    /// Enclosing functions and aggregations, innermost last.
    pub(crate) calls: Vec<String>,
}

/// Matcher: `label="value"`, with any operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

/// Names used in a query.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels in `by`, `on` and similar clauses.
    pub(crate) grouping: BTreeSet<String>,
    /// All strings outside matchers, including labels created by `label_replace`.
    pub(crate) texts: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    TermId(String),
    Text(String),
    Sign(String),
}

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let until = |rest: &str, ends: &dyn Fn(char) -> bool| rest.find(ends).unwrap_or(rest.len());
        let length = match first {
            ' ' | '\n' => 1,
            '#' => until(rest, &|c| c == '\n'),
            '"' | '\'' => {
                let end = 1 + rest[1..].find(first).expect("a text ends");
                tokens.push(Token::Text(rest[1..end].to_owned()));
                end + 1
            }
            c if is_word(c) => {
                let end = until(rest, &|c| !is_word(c));
                tokens.push(Token::TermId(rest[..end].to_owned()));
                end
            }
            _ => {
                let two = ["=~", "!=", "!~", "==", ">=", "<="];
                let end = if two.iter().any(|sign| rest.starts_with(sign)) { 2 } else { 1 };
                tokens.push(Token::Sign(rest[..end].to_owned()));
                end
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$' | '.')
}

const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const KEYWORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "inf"];

impl Query {
    pub(crate) fn of(query: &str) -> Self {
        let tokens = tokens(query);
        let mut found = Self::default();
        let (mut calls, mut pending) = (Vec::new(), None);
        let mut at = 0;
        while at < tokens.len() {
            let next = tokens.get(at + 1);
            match &tokens[at] {
                Token::TermId(word) if is_grouping(word) && is_sign(next, "(") => {
                    let end = at + tokens[at..].iter().position(|t| is(t, ")")).unwrap();
                    let labels = tokens[at..end].iter().skip(2);
                    found.grouping.extend(labels.filter_map(|token| match token {
                        Token::TermId(label) => Some(label.clone()),
                        _ => None,
                    }));
                    at = end;
                }
                Token::TermId(word) if is_call(next) => pending = Some(word.clone()),
                Token::TermId(word) if is_name(word) => {
                    let selector = selector(word, &tokens, &mut at, &calls);
                    found.selectors.push(selector);
                }
                Token::Sign(sign) if sign == "(" => calls.push(pending.take().unwrap_or_default()),
                Token::Sign(sign) if sign == ")" => drop(calls.pop().expect("it was opened")),
                Token::Text(text) => drop(found.texts.insert(text.clone())),
                _ => {}
            }
            at += 1;
        }
        assert!(calls.is_empty(), "{query}");
        found
    }
}

fn is(token: &Token, sign: &str) -> bool {
    *token == Token::Sign(sign.to_owned())
}

fn is_sign(token: Option<&Token>, sign: &str) -> bool {
    token.is_some_and(|token| is(token, sign))
}

/// `name(`, or `name by (...) (`.
fn is_call(next: Option<&Token>) -> bool {
    let groups = |word: &String| word == "by" || word == "without";
    is_sign(next, "(") || matches!(next, Some(Token::TermId(word)) if groups(word))
}

fn is_grouping(word: &str) -> bool {
    GROUPINGS.contains(&word)
}

fn is_name(word: &str) -> bool {
    !KEYWORDS.contains(&word)
        && !is_grouping(word)
        && !word.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// Parses the selector that begins at a token, and advances to its last token.
fn selector(name: &str, tokens: &[Token], at: &mut usize, calls: &[String]) -> Selector {
    let mut selector =
        Selector { name: name.to_owned(), calls: calls.to_vec(), ..Selector::default() };
    if is_sign(tokens.get(*at + 1), "{") {
        *at += 2;
        while !is(&tokens[*at], "}") {
            if let [Token::TermId(label), Token::Sign(operator), Token::Text(value)] =
                &tokens[*at..*at + 3]
            {
                selector.matchers.push(Matcher {
                    label: label.clone(),
                    operator: operator.clone(),
                    value: value.clone(),
                });
                *at += 2;
            }
            *at += 1;
        }
    }
    if is_sign(tokens.get(*at + 1), "[") {
        let Token::TermId(range) = &tokens[*at + 2] else { panic!("{name} has no range") };
        selector.range = Some(range.clone());
        *at += 3;
    }
    selector
}

#[test]
fn selectors_and_grouping_labels_are_extracted() {
    let query = Query::of(
        "sum by (a, b) (max by (c) (rate(x_total{j=~\"$j\", k!=\"(v)\"}[$__rate_interval])))\n\
         * on (a) group_left (n) label_replace(y, \"n\", \"$1\", \"a\", \"(.*)\") > 3e5 # z\n\
         or increase(w{s=\"1\"}[1h] offset 1w) and time() - v",
    );
    let names: Vec<_> = query.selectors.iter().map(|selector| selector.name.as_str()).collect();
    assert_eq!(names, ["x_total", "y", "w", "v"]);
    let first = &query.selectors[0];
    assert_eq!(first.calls, ["sum", "max", "rate"]);
    assert_eq!(first.range.as_deref(), Some("$__rate_interval"));
    let matchers: Vec<_> =
        first.matchers.iter().map(|m| [&*m.label, &*m.operator, &*m.value]).collect();
    assert_eq!(matchers, [["j", "=~", "$j"], ["k", "!=", "(v)"]]);
    assert_eq!(query.selectors[2].calls, ["increase"]);
    assert!(query.selectors[3].calls.is_empty());
    assert_eq!(query.grouping, BTreeSet::from(["a", "b", "c", "n"].map(str::to_owned)));
    assert!(query.texts.contains("n"));
}

//! A reader of JSON for the model: slow and plain, after RFC 8259, with nothing of the crate's.
//!
//! It keeps what others lose: fields of the same name, and the digits of numbers. Half characters
//! read as U+FFFD.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    NotJson,
    /// Too deep for the stack of this reader: nothing is claimed about it.
    TooDeep,
}

const DEEPEST: usize = 300;

pub(super) fn parse(body: &[u8]) -> Result<Json, Unread> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text: Vec<char> = String::from_utf8_lossy(body).chars().collect();
    let mut reader = Reader { text: &text, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    if reader.at == text.len() { Ok(value) } else { Err(Unread::NotJson) }
}

struct Reader<'t> {
    text: &'t [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<char, Unread> {
        let c = self.peek().ok_or(Unread::NotJson)?;
        self.at += 1;
        Ok(c)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    /// Whether `sign` comes next; then it is passed.
    fn passes(&mut self, sign: char) -> bool {
        self.blanks();
        let passes = self.peek() == Some(sign);
        self.at += usize::from(passes);
        passes
    }

    fn demand(&mut self, sign: char) -> Result<(), Unread> {
        if self.passes(sign) { Ok(()) } else { Err(Unread::NotJson) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Unread> {
        if depth > DEEPEST {
            return Err(Unread::TooDeep);
        }
        self.blanks();
        match self.peek().ok_or(Unread::NotJson)? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' => Ok(Json::Text(self.string()?)),
            'n' => self.word("null", Json::Null),
            't' => self.word("true", Json::Bool(true)),
            'f' => self.word("false", Json::Bool(false)),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Unread> {
        for expected in word.chars() {
            if self.next()? != expected {
                return Err(Unread::NotJson);
            }
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Json, Unread> {
        self.demand('[')?;
        let mut list = Vec::new();
        if self.passes(']') {
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.passes(']') {
                return Ok(Json::List(list));
            }
            self.demand(',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Unread> {
        self.demand('{')?;
        let mut fields = Vec::new();
        if self.passes('}') {
            return Ok(Json::Object(fields));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.demand(':')?;
            fields.push((name, self.value(depth + 1)?));
            if self.passes('}') {
                return Ok(Json::Object(fields));
            }
            self.demand(',')?;
        }
    }

    fn string(&mut self) -> Result<String, Unread> {
        self.demand('"')?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            match self.next()? {
                '"' => return Ok(String::from_utf16_lossy(&units)),
                '\\' => units.push(self.escape()?),
                '\0'..='\x1f' => return Err(Unread::NotJson),
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Result<u16, Unread> {
        let c = match self.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            c @ ('"' | '\\' | '/') => c,
            'u' => {
                return (0..4).try_fold(0_u16, |unit, _| {
                    let digit = self.next()?.to_digit(16).ok_or(Unread::NotJson)?;
                    Ok(unit << 4 | u16::try_from(digit).unwrap())
                });
            }
            _ => return Err(Unread::NotJson),
        };
        Ok(u16::try_from(u32::from(c)).unwrap())
    }

    fn number(&mut self) -> Result<Json, Unread> {
        let begin = self.at;
        self.at += usize::from(self.peek() == Some('-'));
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(Unread::NotJson);
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some('+' | '-')));
            self.digits()?;
        }
        Ok(Json::Number(self.text[begin..self.at].iter().collect()))
    }

    fn digits(&mut self) -> Result<String, Unread> {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.text[begin..self.at].iter().collect();
        if digits.is_empty() { Err(Unread::NotJson) } else { Ok(digits) }
    }
}

impl Json {
    /// Writes it with `blank` wherever blanks may stand.
    pub(super) fn write(&self, blank: &str) -> String {
        let (open, inner, close) = match self {
            Self::Null => return "null".to_owned(),
            Self::Bool(yes) => return yes.to_string(),
            Self::Number(digits) => return digits.clone(),
            Self::Text(text) => return serde_json::to_string(text).unwrap(),
            Self::List(list) => {
                ("[", list.iter().map(|value| value.write(blank)).collect::<Vec<_>>(), "]")
            }
            Self::Object(fields) => {
                let field = |(name, value): &(String, Self)| {
                    let name = serde_json::to_string(name).unwrap();
                    format!("{name}{blank}:{blank}{}", value.write(blank))
                };
                ("{", fields.iter().map(field).collect(), "}")
            }
        };
        let comma = format!("{blank},{blank}");
        format!("{open}{blank}{}{blank}{close}", inner.join(&comma))
    }
}

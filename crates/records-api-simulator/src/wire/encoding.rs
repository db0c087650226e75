//! Bodies in an encoding other than UTF-8.

/// An encoding other than plain UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16 little-endian without a byte order mark
    Utf16Le,
    /// UTF-16 big-endian without a byte order mark
    Utf16Be,
    /// UTF-8 with a byte order mark
    Bom,
    /// ISO 8859-1. Other characters become JSON escapes
    Latin1,
}

impl Encoding {
    /// Every encoding with its name.
    pub(crate) const NAMES: [(&'static str, Self); 4] = [
        ("utf-16le", Self::Utf16Le),
        ("utf-16be", Self::Utf16Be),
        ("bom", Self::Bom),
        ("latin-1", Self::Latin1),
    ];

    /// The charset in the `Content-Type` header.
    pub(crate) fn charset(self) -> &'static str {
        match self {
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Bom => "utf-8",
            Self::Latin1 => "iso-8859-1",
        }
    }

    /// Encodes a UTF-8 body.
    pub(crate) fn encode(self, body: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(body);
        match self {
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Bom => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            Self::Latin1 => latin_1(&text),
        }
    }
}

fn latin_1(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if let Ok(byte) = u8::try_from(u32::from(c)) {
            out.push(byte);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_in_every_encoding() {
        let body = "\"aé用👩\"".as_bytes();
        assert_eq!(Encoding::Utf16Le.encode(body)[..6], [0x22, 0, 0x61, 0, 0xe9, 0]);
        assert_eq!(Encoding::Utf16Be.encode(body)[..6], [0, 0x22, 0, 0x61, 0, 0xe9]);
        assert_eq!(Encoding::Bom.encode(body)[..4], [0xef, 0xbb, 0xbf, 0x22]);
        let latin = Encoding::Latin1.encode(body);
        assert_eq!(latin, b"\"a\xe9\\u7528\\ud83d\\udc69\"");
    }
}

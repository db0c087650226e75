//! Label values, each kept once.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

/// Stands for a text in [`SymbolTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelId(u32);

impl LabelId {
    /// A record has no such value: `_none`.
    pub const NONE: Self = Self(0);
    /// The value is one of too many: `_other`.
    pub const OTHER: Self = Self(1);

    /// Its number: the labels of one interner are numbered from 0.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Whether it stands for no value of its own.
    pub(super) fn is_fixed(self) -> bool {
        self <= Self::OTHER
    }

    /// The label of a number that an interner gave.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// The texts of labels. Hashed with a random key, since the names come from outside.
#[derive(Debug)]
pub struct SymbolTable {
    texts: Vec<Arc<str>>,
    index: HashTable<u32>,
    hasher: RandomState,
}

/// A label value longer than this is cut: it must not fill memory nor a scrape.
pub(super) const MAX_LABEL_BYTES: usize = 512;

impl Default for SymbolTable {
    fn default() -> Self {
        let mut labels =
            Self { texts: Vec::new(), index: HashTable::new(), hasher: RandomState::new() };
        labels.intern("_none");
        labels.intern("_other");
        labels
    }
}

impl SymbolTable {
    /// The label of a text. A poll holds far fewer records, and so names, than 2^32.
    pub fn intern(&mut self, text: &str) -> LabelId {
        self.intern_up_to(text, u32::MAX)
    }

    /// The label of a text, with a number of at most `most`; [`LabelId::OTHER`] if there are more.
    pub(super) fn intern_up_to(&mut self, text: &str, most: u32) -> LabelId {
        let text = cut(text);
        let hash = self.hasher.hash_one(&*text);
        let texts = &self.texts;
        if let Some(known) = self.index.find(hash, |id| *texts[*id as usize] == *text) {
            return LabelId(*known);
        }
        let id = u32::try_from(self.texts.len()).ok().filter(|id| *id <= most);
        let Some(id) = id else { return LabelId::OTHER };
        self.texts.push(text.into());
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.index.insert_unique(hash, id, |id| hasher.hash_one(&*texts[*id as usize]));
        LabelId(id)
    }

    /// The label of a text, or [`LabelId::NONE`].
    pub fn intern_or_none(&mut self, text: Option<&str>) -> LabelId {
        text.map_or(LabelId::NONE, |text| self.intern(text))
    }

    /// Number of texts.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.texts.len()).expect("numbers are u32")
    }

    /// The text of a label.
    pub fn text(&self, label: LabelId) -> &str {
        &self.texts[label.0 as usize]
    }

    /// The same text, for who keeps it: thousands of series share few texts.
    pub fn shared(&self, label: LabelId) -> Arc<str> {
        self.texts[label.0 as usize].clone()
    }
}

/// A text that is not too long, or its beginning.
pub(super) fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= MAX_LABEL_BYTES {
        return text.into();
    }
    let mut end = MAX_LABEL_BYTES - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_labels_have_their_texts() {
        let labels = SymbolTable::default();
        assert_eq!(labels.text(LabelId::NONE), "_none");
        assert_eq!(labels.text(LabelId::OTHER), "_other");
    }

    #[test]
    fn a_text_has_one_label_and_a_huge_one_is_cut() {
        let mut labels = SymbolTable::default();
        let pool = labels.intern("pool");
        assert_eq!(labels.intern("pool"), pool);
        assert_ne!(labels.intern("Pool"), pool);
        assert_eq!(labels.intern_or_none(None), LabelId::NONE);
        let huge = labels.intern(&"用".repeat(1 << 16));
        assert!(labels.text(huge).len() <= MAX_LABEL_BYTES);
        assert!(labels.text(huge).ends_with("用..."));
    }
}

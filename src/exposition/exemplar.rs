//! The record that a counter counted last, as a format shows it.

use crate::ledger::Exemplar;

/// The one label of an exemplar.
pub(super) const LABEL: &str = "record_id";
/// Characters that the labels of an exemplar may have together, their names included.
const LONGEST: usize = 128;

/// An exemplar, unless its id is too long for one: half an id would lead nowhere.
pub(super) fn shown(exemplar: &Exemplar) -> Option<&Exemplar> {
    let length = LABEL.len() + exemplar.record_id.chars().count();
    (length <= LONGEST).then_some(exemplar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use records_api::record::Timestamp;

    #[test]
    fn an_exemplar_has_at_most_128_characters() {
        let exemplar =
            |id: String| Exemplar { record_id: id.into(), at: Timestamp::from_millis(0) };
        let fits = exemplar("\u{e4}".repeat(119));
        assert_eq!(shown(&fits), Some(&fits));
        assert_eq!(shown(&exemplar("\u{e4}".repeat(120))), None);
    }
}

//! Exemplars: the record that a counter counted last.

use crate::ledger::Exemplar;

/// Only label of an exemplar.
pub(super) const LABEL: &str = "record_id";
/// Maximum length of all labels of an exemplar, including their names (`OpenMetrics` 1.0).
const MAX_CHARS: usize = 128;

/// Returns the exemplar unless its id is too long: a truncated id would match no record.
pub(super) fn shown(exemplar: &Exemplar) -> Option<&Exemplar> {
    let length = LABEL.len() + exemplar.record_id.chars().count();
    (length <= MAX_CHARS).then_some(exemplar)
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

//! Histories that found bugs, as short as they could be made, and what each of them found.

use records_api_simulator::OverLimit::{Clamp, Refuse};
use records_api_simulator::StartBound::{End, Start};
use records_api_simulator::Status::{RecFailed, Recording, UploadCompleted, Uploading};
use records_api_simulator::StatusFilter::{Documented, Ignored};
use records_api_simulator::TotalCount::{Missing, Off, Right};

use super::history::Step::{Begin, Crash, Delete, Enter, Poll, Restart, Wait, Window};
use super::history::{ALL_LABELS, Manner, Step};

/// A history that found a bug.
pub(super) struct Case {
    /// What it found.
    pub(super) found: &'static str,
    /// Of the world at the beginning.
    pub(super) seed: u64,
    pub(super) manner: Manner,
    pub(super) steps: &'static [Step],
}

/// As the API is documented, in pages that hold everything.
const PLAIN: Manner = Manner {
    limit_max: 1000,
    limit_over: Clamp,
    bound: Start,
    filter: Documented,
    counts: Right,
    page_size: 1000,
    everything: false,
    records: 0,
    labels: ALL_LABELS,
};

pub(super) const CASES: &[Case] = &[
    Case {
        found: "a record that two pages of one poll showed forgot that it had been observed",
        seed: 3,
        manner: Manner {
            limit_max: 7,
            limit_over: Refuse,
            bound: End,
            page_size: 4,
            records: 37,
            everything: true,
            ..PLAIN
        },
        steps: &[Poll, Enter(13, RecFailed)],
    },
    Case {
        found: "a list by status was the first to ask for a larger page again: its refusal looked \
                like one of the status, and what was tried again was not seen for an hour",
        seed: 56,
        manner: Manner { limit_max: 7, limit_over: Refuse, page_size: 8, records: 26, ..PLAIN },
        steps: &[Poll, Crash(60), Enter(48, Recording)],
    },
    Case {
        found: "a state whose only record has neither pool nor user could not be opened again",
        seed: 1884,
        manner: Manner { records: 1, ..PLAIN },
        steps: &[Poll, Begin(0, UploadCompleted), Poll, Restart],
    },
    Case {
        found: "what a list by status shows though the API ignores the filter was thrown away",
        seed: 211,
        manner: Manner { filter: Ignored, page_size: 6, records: 17, ..PLAIN },
        steps: &[Begin(0, UploadCompleted), Poll, Enter(2, Uploading)],
    },
    Case {
        found: "where counts are too high, the deletion of the newest record failed the polls",
        seed: 1746,
        manner: Manner { counts: Off, page_size: 6, records: 19, ..PLAIN },
        steps: &[Poll, Delete(18)],
    },
    Case {
        found: "where counts are missing, the deletion of the newest record failed the polls",
        seed: 1746,
        manner: Manner { counts: Missing, page_size: 6, records: 19, ..PLAIN },
        steps: &[Poll, Delete(18)],
    },
    Case {
        found: "what had left a window in flight came back with a longer one and counted again",
        seed: 421,
        manner: Manner { records: 4, ..PLAIN },
        steps: &[Enter(0, Recording), Window(6), Poll, Window(24), Poll, Wait(20_000)],
    },
];

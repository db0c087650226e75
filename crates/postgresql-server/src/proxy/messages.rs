//! Messages of the protocol, decoded far enough to find commits and the answers to them.

use std::collections::BTreeSet;

use super::Loss;

/// Code of the first message of a client that asks for TLS.
const TLS_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// A statement that changes a row and inserts others, all or none.
fn is_commit(statement: &str) -> bool {
    let statement = statement.trim_start().to_lowercase();
    let words = ["update", "insert into"];
    statement.starts_with("with") && words.iter().all(|word| statement.contains(word))
}

/// Messages of one direction of a connection, cut out of its bytes.
#[derive(Debug, Default)]
struct Messages {
    bytes: Vec<u8>,
}

impl Messages {
    /// Returns the next complete message: its type and the rest.
    fn take_next(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = *self.bytes.first()?;
        Some((kind, self.take(1)?))
    }

    /// Returns a complete message whose length stands behind so many bytes.
    fn take(&mut self, before: usize) -> Option<Vec<u8>> {
        let length = self.bytes.get(before..before + 4)?;
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let end = before + length;
        (self.bytes.len() >= end).then(|| self.bytes.drain(..end).skip(before + 4).collect())
    }
}

/// Statements of a connection and the answers to them.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    from_client: Messages,
    from_server: Messages,
    has_begun: bool,
    is_encrypted: bool,
    /// Names of prepared statements that are commits.
    commits: BTreeSet<Vec<u8>>,
    /// The messages since the last end of a statement contain a commit.
    has_commit: bool,
    /// Statements so far, and the answers to them. The greeting is the answer to the first message.
    asked: usize,
    answered: usize,
    /// Number of the answer that is lost, and how.
    lost: Option<(usize, Loss)>,
}

/// Fate of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Forwarded,
    Lost,
    Withheld,
}

impl Exchange {
    /// Notes bytes of the client. Asks for the loss of each commit in them, and returns the last.
    pub(super) fn statements(
        &mut self,
        bytes: &[u8],
        mut loss_of_commit: impl FnMut() -> Option<Loss>,
    ) -> Option<Loss> {
        if self.is_encrypted {
            return None;
        }
        self.from_client.bytes.extend(bytes);
        if !self.has_begun {
            let greeting = self.from_client.take(0)?;
            self.has_begun = true;
            self.is_encrypted = greeting == TLS_REQUEST;
            self.asked = 1;
        }
        let mut last = None;
        while let Some((kind, content)) = self.from_client.take_next() {
            let mut texts = content.split(|byte| *byte == 0);
            let mut text = || texts.next().unwrap_or_default();
            match kind {
                b'P' => {
                    let (name, statement) = (text().to_vec(), text());
                    self.commits.remove(&name);
                    if is_commit(&String::from_utf8_lossy(statement)) {
                        self.commits.insert(name);
                    }
                }
                b'B' => {
                    let (_portal, name) = (text(), text());
                    self.has_commit |= self.commits.contains(name);
                }
                b'Q' => self.has_commit |= is_commit(&String::from_utf8_lossy(text())),
                _ => {}
            }
            if matches!(kind, b'S' | b'Q') {
                self.asked += 1;
                if std::mem::take(&mut self.has_commit) {
                    last = loss_of_commit();
                    self.lost = last.map(|loss| (self.asked, loss)).or(self.lost);
                }
            }
        }
        last
    }

    /// Notes bytes of the server.
    pub(super) fn answers(&mut self, bytes: &[u8]) -> Answer {
        if self.is_encrypted || !self.has_begun {
            return Answer::Forwarded;
        }
        let mut is_hit = false;
        let is_lost = |answered| self.lost.is_some_and(|(number, _)| answered + 1 >= number);
        self.from_server.bytes.extend(bytes);
        while let Some((kind, _)) = self.from_server.take_next() {
            is_hit |= is_lost(self.answered);
            // Ready for the next statement.
            self.answered += usize::from(kind == b'Z');
        }
        is_hit |= is_lost(self.answered) && !self.from_server.bytes.is_empty();
        match self.lost {
            Some((_, Loss::Silence)) if is_hit => Answer::Withheld,
            Some((_, Loss::Answer)) if is_hit => Answer::Lost,
            _ => Answer::Forwarded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "with moved as (update a set b = 1 returning b) insert into c values (1)";

    fn message(kind: &str, content: &[&str]) -> Vec<u8> {
        let content: Vec<u8> =
            content.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
        [kind.as_bytes(), &length, &content].concat()
    }

    fn begun() -> Exchange {
        let mut exchange = Exchange::default();
        assert_eq!(exchange.statements(&message("", &["user", "postgres"]), || None), None);
        assert_eq!(exchange.answers(&message("Z", &[])), Answer::Forwarded);
        exchange
    }

    #[test]
    fn the_answer_to_a_commit_is_lost_and_not_the_one_before() {
        let mut exchange = begun();
        let other = [message("P", &["", "select 1"]), message("B", &["", ""]), message("S", &[])];
        let commit = [message("P", &["", COMMIT]), message("B", &["", ""]), message("S", &[])];
        let (other, commit) = (other.concat(), commit.concat());
        assert_eq!(exchange.statements(&other, || panic!("not a commit")), None);
        assert_eq!(exchange.statements(&commit, || Some(Loss::Answer)), Some(Loss::Answer));
        assert_eq!(exchange.answers(&message("1", &[])), Answer::Forwarded);
        assert_eq!(exchange.answers(&message("Z", &[])), Answer::Forwarded);
        assert_eq!(exchange.answers(&message("1", &[])), Answer::Lost);
    }

    #[test]
    fn pieces_of_messages_are_joined() {
        let mut exchange = begun();
        let mut commits = 0;
        let mut bytes =
            [message("P", &["named", COMMIT]), message("S", &[]), message("Q", &["select 1"])];
        bytes[1].splice(0..0, message("B", &["", "named"]));
        for byte in bytes.concat() {
            let mut note = || {
                commits += 1;
                None
            };
            exchange.statements(&[byte], &mut note);
        }
        assert_eq!((commits, exchange.asked), (1, 3));
    }
}

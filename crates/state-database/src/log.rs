//! Reading the log of a project.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DatabaseError, LogPosition};

/// Number of frames that one statement reads, about 3.6 MB.
const READ_AT_ONCE: i64 = 64;

/// Reason why a log could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log was rewritten meanwhile. Its state must be asked for again.
    #[error("the log was rewritten while it was read")]
    Rewritten,
    /// A frame of the present log does not exist.
    #[error("frame {number} is missing")]
    Missing {
        /// Number of the frame.
        number: i64,
    },
    /// The reader refused a frame.
    #[error("frame {number} is invalid: {why}")]
    Frame {
        /// Number of the frame.
        number: i64,
        /// Reason of the reader.
        why: String,
    },
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Database {
    /// Passes the frames of a log from number `from` up to `to.next` in order to `take`, which returns the reason if it
    /// refuses one. Each statement may take `limit`.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: some of the frames may have been passed.
    pub async fn read(
        &self,
        project: &str,
        from: i64,
        to: LogPosition,
        limit: Duration,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), ReadError> {
        let statement = "
            select n, body from screen_records_frame_1
            where project = $1 and base = $2 and n >= $3 and n < $4
            order by n";
        let mut next = from.max(to.first);
        while next < to.next {
            let end = to.next.min(next.saturating_add(READ_AT_ONCE));
            let parameters = [
                (&project as _, Type::TEXT),
                (&to.base as _, Type::INT8),
                (&next as _, Type::INT8),
                (&end as _, Type::INT8),
            ];
            let rows = self.query(limit, statement, &parameters).await?;
            for row in &rows {
                let (number, body): (i64, &[u8]) =
                    (self.column(row, "n")?, self.column(row, "body")?);
                // Frames of a base that was replaced are deleted bit by bit.
                if number != next {
                    return Err(self.missing(project, to.base, next, limit).await);
                }
                take(body).map_err(|why| ReadError::Frame { number, why })?;
                next += 1;
            }
            if next < end {
                return Err(self.missing(project, to.base, next, limit).await);
            }
        }
        Ok(())
    }

    /// Returns why a frame of a base is not there.
    async fn missing(&self, project: &str, base: i64, number: i64, limit: Duration) -> ReadError {
        match self.states(&[project.to_owned()], limit).await {
            Err(error) => error.into(),
            Ok(states) if states.first().is_some_and(|state| state.position.base == base) => {
                ReadError::Missing { number }
            }
            Ok(_) => ReadError::Rewritten,
        }
    }
}

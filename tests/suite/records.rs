//! Lists of the records themselves: complete, in order, each record once.

mod listing;

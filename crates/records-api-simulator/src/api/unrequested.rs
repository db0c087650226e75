//! Finds the rows that a request did not ask for, and adds them to its page.

use std::{cmp::Reverse, collections::HashSet};

use super::{
    query::{Order, Query},
    select::select,
};
use crate::{
    dialect::{Dialect, EndBound, Ties},
    faults::unrequested::{UnrequestedReason, UnrequestedRows},
    world::{World, last_known_time},
};

/// Adds the rows in the order of the page. `total_count` does not change.
pub(super) fn add(
    unrequested: UnrequestedRows,
    mut page: Vec<u32>,
    world: &World,
    query: &Query,
    dialect: &Dialect,
) -> Vec<u32> {
    let added = match unrequested.reason {
        UnrequestedReason::Early => before_start(world, query, dialect),
        UnrequestedReason::Filter => filtered_out(&page, world, query, dialect),
    };
    page.extend(added.into_iter().take(unrequested.count));
    match query.order {
        Order::Asc => page.sort_by_key(|slot| world.record_in(*slot).start),
        Order::Desc => page.sort_by_key(|slot| Reverse(world.record_in(*slot).start)),
        Order::Shuffled => {}
    }
    page
}

fn before_start(world: &World, query: &Query, dialect: &Dialect) -> Vec<u32> {
    let Some(from) = query.from else { return Vec::new() };
    let before = Query { from: None, to: Some(from - 1), ..on_one_page(query) };
    let dialect = Dialect { end_bound: EndBound::Start, ..dialect.clone() };
    let mut rows = select(world, &before, &dialect).page(&before, Ties::Stable, 0);
    rows.retain(|slot| {
        let record = world.record_in(*slot);
        record.end.is_some() && last_known_time(record) < from
    });
    rows
}

/// Finds records between the first and the last row of the page. On an empty first page, any
/// record.
fn filtered_out(page: &[u32], world: &World, query: &Query, dialect: &Dialect) -> Vec<u32> {
    let all = on_one_page(query);
    let matches: HashSet<u32> =
        select(world, &all, dialect).page(&all, Ties::Stable, 0).into_iter().collect();
    let unfiltered = Query {
        desktop_id: None,
        desktop_names: Vec::new(),
        username: None,
        status: None,
        kind: None,
        ..all
    };
    let starts = || page.iter().map(|slot| world.record_in(*slot).start);
    let (first, last) = match (starts().min(), starts().max()) {
        (Some(first), Some(last)) => (first, last),
        _ if query.offset == 0 => (i64::MIN, i64::MAX),
        _ => return Vec::new(),
    };
    let mut rows = select(world, &unfiltered, dialect).page(&unfiltered, Ties::Stable, 0);
    rows.retain(|slot| {
        !matches.contains(slot) && (first..=last).contains(&world.record_in(*slot).start)
    });
    rows
}

/// The same query with all matches on one page, oldest first.
fn on_one_page(query: &Query) -> Query {
    Query { limit: usize::MAX, offset: 0, order: Order::Asc, ..query.clone() }
}

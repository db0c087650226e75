//! Label values of records.

use crate::world::World;

/// Label of a missing value.
pub(super) const NONE: &str = "_none";

/// Returns the id of a pool.
pub(super) fn pool_label(world: &World, pool: Option<u32>) -> String {
    pool.map_or(NONE, |pool| world.directory().pool_id(pool)).to_owned()
}

/// Returns the name of a user.
pub(super) fn user_label(world: &World, user: Option<u32>) -> String {
    user.map_or(NONE, |user| world.directory().user_name(user)).to_owned()
}

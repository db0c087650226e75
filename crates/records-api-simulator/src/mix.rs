//! Deterministic pseudo-random numbers and ids.

/// Mixes a number into a random-looking one: the finaliser of `SplitMix64`.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns the upper half of an id.
pub(crate) fn high(id: u128) -> u64 {
    u64::try_from(id >> 64).unwrap_or_default()
}

/// Returns the lower half of an id.
pub(crate) fn low(id: u128) -> u64 {
    u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default()
}

/// Derives a random-looking id from a seed and a sequence number.
pub(crate) fn mixed_id(seed: u64, number: u64) -> u128 {
    let high = mix(seed ^ mix(number));
    let low = mix(high ^ number);
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_seed_differ() {
        let ids: std::collections::HashSet<u128> = (0..10_000).map(|n| mixed_id(1, n)).collect();
        assert_eq!(ids.len(), 10_000);
    }
}

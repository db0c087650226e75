//! Exponential buckets of native histograms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Observations in exponential buckets. The whole numbers below 2^64, and thousandths of them, fall
/// into about 600 buckets, so their number needs no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeBuckets {
    /// Number of observations of zero.
    pub zeros: u64,
    /// Number of observations by bucket. Bucket n contains values greater than 2^((n-1)/8) and up
    /// to 2^(n/8).
    pub buckets: BTreeMap<i16, u64>,
}

/// Bounds of the eight buckets from 1/2 to 1, without the last bound. Each is 2^(1/8) times the one
/// before. They are the constants of `client_golang`: computed ones are inexact and could put a
/// value on a bound into another bucket.
const FRACTIONS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    0.707_106_781_186_547_5,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_5,
    0.917_004_043_204_671_2,
];

impl NativeBuckets {
    /// Schema of these buckets in Prometheus: each bound is 2^(2^-schema) times the one before.
    pub const SCHEMA: i32 = 3;

    /// Adds a number of observations of a value, which is finite and not negative.
    pub(super) fn observe(&mut self, value: f64, times: u64) {
        // A bucket without observations would be exposed and kept for nothing.
        if times == 0 {
            return;
        }
        if value > 0.0 {
            *self.buckets.entry(number_of(value)).or_default() += times;
        } else {
            self.zeros += times;
        }
    }

    /// Returns the number of all observations.
    pub fn count(&self) -> u64 {
        self.buckets.values().fold(self.zeros, |count, times| count.saturating_add(*times))
    }
}

/// Returns the number of the bucket that contains a value. The value is positive and not subnormal;
/// the smallest observation is a thousandth.
fn number_of(value: f64) -> i16 {
    // The value is a fraction of at least 1/2 and less than 1, times a power of two. Its bits give
    // both exactly; a logarithm is inexact at the bounds.
    let (bits, half) = (value.to_bits(), 0.5_f64.to_bits());
    let exponent = i16::try_from(bits >> MANTISSA_BITS).expect("eleven bits, and no sign")
        - i16::try_from(half >> MANTISSA_BITS).expect("eleven bits, and no sign");
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1);
    let fraction = f64::from_bits(half | mantissa);
    let within = FRACTIONS.iter().filter(|bound| **bound < fraction).count();
    i16::try_from(within).expect("there are eight") + (exponent - 1) * 8
}

const MANTISSA_BITS: u32 = 52;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_equal_those_of_client_golang() {
        // From sparse buckets of client_golang 1.19 with schema 3: frac and exp of math.Frexp, then
        // sort.SearchFloat64s(bounds, frac) + (exp-1)*8.
        let cases = [
            (0.25, -16),
            (0.5, -8),
            (0.9, -1),
            (1.0, 0),
            (1.05, 1),
            (1.1, 2),
            (2.0, 8),
            (2.000_001, 9),
            (60.0, 48),
            (64.0, 48),
            (3600.0, 95),
            (1_048_576.0, 160),
            (1_048_577.0, 161),
            (18_446_744_073_709_551_615.0, 512),
        ];
        for (value, number) in cases {
            assert_eq!(number_of(value), number, "{value}");
        }
    }

    #[test]
    fn zeros_are_counted_in_the_zero_bucket() {
        let mut native = NativeBuckets::default();
        native.observe(0.0, 2);
        native.observe(1.0, 3);
        native.observe(7.0, 0);
        assert_eq!((native.zeros, native.count()), (2, 5));
        assert_eq!(native.buckets, BTreeMap::from([(0, 3)]));
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_bounds_of_its_bucket(value in 1_u64..) {
            for value in [value as f64, value as f64 / 1000.0] {
                let number = f64::from(number_of(value));
                let bound = |number: f64| (number / 8.0).exp2();
                // Computed bounds are slightly inexact.
                prop_assert!(value <= bound(number) * (1.0 + 1e-12), "{} {}", value, number);
                prop_assert!(value >= bound(number - 1.0) * (1.0 - 1e-12), "{} {}", value, number);
            }
        }
    }
}

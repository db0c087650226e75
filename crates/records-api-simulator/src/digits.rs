//! Numbers written as digits into a byte buffer.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes a number in decimal.
pub(crate) fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a number in decimal with leading zeros.
pub(crate) fn padded(out: &mut Vec<u8>, number: u32, count: u32) {
    for exponent in (0..count).rev() {
        let digit = number / 10_u32.pow(exponent) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

/// Writes 16 hex digits for each number.
pub(crate) fn hex(out: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        let mut digits = [0; 16];
        for (index, byte) in number.to_be_bytes().iter().enumerate() {
            digits[index * 2] = HEX[usize::from(byte >> 4)];
            digits[index * 2 + 1] = HEX[usize::from(byte & 0xf)];
        }
        out.extend_from_slice(&digits);
    }
}

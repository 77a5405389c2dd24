//! The form in which a patient's data leaves the plant: a tape archive (POSIX ustar), which every system opens.

/// Every part of an archive fills whole blocks of so many bytes.
pub const TAR_BLOCK_BYTES: usize = 512;
/// Longest name in the first field of a heading.
const NAME_BYTES_MAX: usize = 100;

/// The heading of a file; nothing when the name does not fit or is not ASCII.
#[must_use]
pub fn tar_header(name: &str, bytes: u64, modified_s: i64) -> Option<[u8; TAR_BLOCK_BYTES]> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.is_ascii() {
        return None;
    }
    let mut block = [0_u8; TAR_BLOCK_BYTES];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[100..108], 0o600);
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    octal(&mut block[124..136], bytes);
    octal(&mut block[136..148], u64::try_from(modified_s).unwrap_or(0));
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    octal(&mut block[148..155], sum);
    block[155] = b' ';
    Some(block)
}

/// Writes a number in octal digits with a NUL behind it.
fn octal(field: &mut [u8], number: u64) {
    let digits = field.len() - 1;
    let text = format!("{number:0digits$o}");
    let text = &text.as_bytes()[text.len().saturating_sub(digits)..];
    field[..digits].copy_from_slice(text);
    field[digits] = 0;
}

/// Zeros that fill the last block of a file.
#[must_use]
pub fn tar_padding(bytes: u64) -> usize {
    let over = usize::try_from(bytes % TAR_BLOCK_BYTES as u64).unwrap_or(0);
    if over == 0 { 0 } else { TAR_BLOCK_BYTES - over }
}

/// What stands at an archive's end.
#[must_use]
pub fn tar_end() -> [u8; 2 * TAR_BLOCK_BYTES] {
    [0; 2 * TAR_BLOCK_BYTES]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_what_tar_reads() {
        let block = tar_header("files/a.csv", 1_234, 1_800_000_000).expect("fits");
        assert_eq!(&block[..11], b"files/a.csv");
        assert_eq!(&block[124..136], b"00000002322\0");
        assert_eq!(&block[257..263], b"ustar\0");
        let mut summed = block;
        summed[148..156].fill(b' ');
        let sum: u64 = summed.iter().map(|b| u64::from(*b)).sum();
        assert_eq!(&block[148..156], format!("{sum:06o}\0 ").as_bytes());
        assert!(tar_header(&"a".repeat(101), 1, 1).is_none());
        assert!(tar_header("é", 1, 1).is_none());
        assert_eq!((tar_padding(0), tar_padding(512), tar_padding(513), tar_padding(1)), (0, 0, 511, 511));
    }
}

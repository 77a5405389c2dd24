//! HKDF-SHA256, RFC 5869: one secret in, a key for each purpose out.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a SHA-256 hash.
pub(super) const HASH_BYTES: usize = 32;
/// Most blocks that `expand` may give: the block number is one byte.
const BLOCKS_MAX: usize = 255;

/// More key bytes were asked for than HKDF can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HKDF-SHA256 gives at most {} bytes", BLOCKS_MAX * HASH_BYTES)]
pub(super) struct TooLong;

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Section 2.2: a pseudorandom key from input keying material. No salt is a salt of zeros, as HMAC pads keys with them.
pub(super) fn extract(salt: &[u8], material: &[u8]) -> [u8; HASH_BYTES] {
    mac(salt).chain_update(material).finalize().into_bytes().into()
}

/// Section 2.3: fills `out` with output keying material.
pub(super) fn expand(prk: &[u8; HASH_BYTES], info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
    if out.len() > BLOCKS_MAX * HASH_BYTES {
        return Err(TooLong);
    }
    let keyed = mac(prk);
    let mut last: Option<[u8; HASH_BYTES]> = None;
    for (number, chunk) in (1..=u8::MAX).zip(out.chunks_mut(HASH_BYTES)) {
        let mut next = keyed.clone();
        next.update(last.as_ref().map_or(&[], |block| block.as_slice()));
        let block: [u8; HASH_BYTES] =
            next.chain_update(info).chain_update([number]).finalize().into_bytes().into();
        chunk.copy_from_slice(&block[..chunk.len()]);
        last = Some(block);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect()
    }

    fn check(ikm: &[u8], salt: &[u8], info: &[u8], prk: &str, okm: &str) {
        let extracted = extract(salt, ikm);
        assert_eq!(extracted.to_vec(), bytes(prk));
        let want = bytes(okm);
        let mut out = vec![0; want.len()];
        expand(&extracted, info, &mut out).expect("short");
        assert_eq!(out, want);
    }

    /// RFC 5869, appendix A, test cases 1 to 3.
    #[test]
    fn gives_what_the_rfc_says() {
        check(
            &[0x0b; 22],
            &(0x00..=0x0c).collect::<Vec<u8>>(),
            &(0xf0..=0xf9).collect::<Vec<u8>>(),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        );
        check(
            &(0x00..=0x4f).collect::<Vec<u8>>(),
            &(0x60..=0xaf).collect::<Vec<u8>>(),
            &(0xb0..=0xff).collect::<Vec<u8>>(),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
             59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
             cc30c58179ec3e87c14c01d5c1f3434f1d87",
        );
        check(
            &[0x0b; 22],
            &[],
            &[],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        );
    }

    #[test]
    fn gives_no_more_than_it_can() {
        let prk = extract(&[], b"secret");
        assert_eq!(expand(&prk, b"", &mut vec![0; 255 * 32]), Ok(()));
        assert_eq!(expand(&prk, b"", &mut vec![0; 255 * 32 + 1]), Err(TooLong));
    }
}

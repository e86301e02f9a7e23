//! Names that nobody else has.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// 32 hexadecimal digits that no other call gives, here or in another process. Not a secret.
pub fn unique() -> String {
    format!("{:032x}", number())
}

/// A number that no other call gives, as [`unique`].
pub fn number() -> u128 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static HASHERS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [a, b] = HASHERS.each_ref().map(|hasher| hasher.hash_one(number));
    u128::from(a) << 64 | u128::from(b)
}

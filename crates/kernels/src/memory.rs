//! Memory on cache-line boundaries.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

/// Every allocation starts on a cache line; a 64-byte vector of a packed block then never straddles two.
pub const ALIGNMENT: usize = 64;

/// Bytes that are kept alive by whoever shares them: a memory map, or [`AlignedBytes`].
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A fixed-size, zeroed, cache-line-aligned piece of memory. Pages of a large one that are never touched cost nothing.
pub struct AlignedBytes {
    start: NonNull<u8>,
    len: usize,
    /// What the system gave, if it is mapped: where it starts and how long it is.
    #[cfg(unix)]
    mapping: Option<(NonNull<u8>, usize)>,
}

/// A large page. Reading a model's weights through pages of 4 KiB costs a table walk every 64 cache lines, and the
/// processor's prefetching stops at each of their ends.
#[cfg(unix)]
const HUGE_PAGE: usize = 2 << 20;

/// From here on memory is mapped from the system rather than allocated.
#[cfg(unix)]
const LARGE: usize = 1 << 20;

// SAFETY: it owns its bytes like a Box<[u8]>.
unsafe impl Send for AlignedBytes {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for AlignedBytes {}

impl AlignedBytes {
    /// `len` zero bytes.
    ///
    /// # Panics
    /// If there is no memory of that size.
    pub fn zeroed(len: usize) -> AlignedBytes {
        AlignedBytes::try_zeroed(len).unwrap_or_else(|| panic!("no memory for {len} bytes"))
    }

    /// `len` zero bytes, or `None` if the system does not have them.
    pub fn try_zeroed(len: usize) -> Option<AlignedBytes> {
        if len == 0 {
            return Some(AlignedBytes {
                start: NonNull::<Line>::dangling().cast(),
                len,
                #[cfg(unix)]
                mapping: None,
            });
        }
        #[cfg(unix)]
        if len >= LARGE {
            return AlignedBytes::mapped(len);
        }
        let layout = Layout::from_size_align(len, ALIGNMENT).ok()?;
        // SAFETY: the layout is not of size zero.
        let start = unsafe { alloc_zeroed(layout) };
        Some(AlignedBytes {
            start: NonNull::new(start)?,
            len,
            #[cfg(unix)]
            mapping: None,
        })
    }

    /// Straight from the system: on the boundary of a huge page, and with huge pages if it has them to give.
    #[cfg(unix)]
    fn mapped(len: usize) -> Option<AlignedBytes> {
        let size = len.checked_add(HUGE_PAGE)?.checked_next_multiple_of(HUGE_PAGE)?;
        // SAFETY: a new private mapping touches nothing that exists.
        let given = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if given == libc::MAP_FAILED {
            return None;
        }
        let given = NonNull::new(given.cast::<u8>())?;
        // SAFETY: the mapping is a huge page longer than `len`, so the next boundary lies within it.
        let start = unsafe { given.add(given.as_ptr().align_offset(HUGE_PAGE)) };
        #[cfg(target_os = "linux")]
        // SAFETY: advice about our own mapping. If it is refused, small pages serve.
        unsafe {
            libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE);
        }
        Some(AlignedBytes { start, len, mapping: Some((given, size)) })
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some((given, size)) = self.mapping {
            // SAFETY: mapped in `mapped` with this very size.
            unsafe { libc::munmap(given.as_ptr().cast(), size) };
            return;
        }
        if self.len > 0 {
            // SAFETY: allocated in `zeroed` with this very layout.
            unsafe { dealloc(self.start.as_ptr(), Layout::from_size_align_unchecked(self.len, ALIGNMENT)) }
        }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `start` points to `len` initialised bytes that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// Lets all threads to come share two heaps. glibc gives a thread a heap of its own, up to eight times the cores, and each keeps what was
/// freed in it: a server that once read some large requests would hold several times what they took. Nothing happens elsewhere.
pub fn share_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a number of the allocator; it is always allowed.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives the system back what is free in all heaps; takes milliseconds for each 100 MB. Nothing happens elsewhere.
pub fn trim_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches only what nobody has; the allocator locks its heaps meanwhile.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Gives an empty piece of memory an address on a cache line.
#[repr(align(64))]
struct Line;

/// `n` rounded up to a multiple of `to`.
pub(crate) const fn round_up(n: usize, to: usize) -> usize {
    n.div_ceil(to) * to
}

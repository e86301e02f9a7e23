//! Little-endian reading with every length checked against what is left, before anything is allocated for it.

/// A place in a file's bytes. What goes wrong is said as the end of a sentence; the caller knows which item it was about.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        if len > self.left() {
            return Err(format!(
                "the file ends at byte {} in the middle of it ({len} bytes are to follow byte {}); download the file again",
                self.bytes.len(),
                self.at
            ));
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things (named by `what`) that take at least `min_bytes` each: refused unless that many fit in what is left.
    pub(super) fn count(&mut self, what: &str, min_bytes: usize) -> Result<usize, String> {
        let count = self.u64()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.left() / min_bytes => Ok(count),
            _ => Err(format!(
                "{count} {what} are announced, but only {} bytes are left in the file; download the file again",
                self.left()
            )),
        }
    }

    /// A length of 64 bits and that many bytes of UTF-8.
    pub(super) fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        let len = self.count("bytes of text", 1)?;
        // Checked after copying: bytes of a map are not ours alone.
        String::from_utf8(self.take(len)?.to_vec())
            .map_err(|_| format!("the text at byte {start} is not UTF-8; convert the model again"))
    }

    /// `count` numbers of `N` bytes.
    pub(super) fn numbers<T, const N: usize>(
        &mut self,
        count: usize,
        read: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let len = count.checked_mul(N).ok_or("its length overflows; convert the model again")?;
        Ok(self.take(len)?.as_chunks().0.iter().map(|&b| read(b)).collect())
    }
}

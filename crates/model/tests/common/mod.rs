//! Small model files, written byte by byte, so that a test can falsify any of them.

use std::path::Path;

/// A GGUF file as it will be written.
#[derive(Clone)]
pub struct Gguf {
    pub magic: [u8; 4],
    pub version: u32,
    /// What the header claims, where that is not the truth.
    pub tensor_count: Option<u64>,
    pub key_count: Option<u64>,
    /// Keys, and the bytes of their type and value.
    pub keys: Vec<(String, Vec<u8>)>,
    pub tensors: Vec<GgufTensor>,
    pub data: Vec<u8>,
    pub alignment: usize,
}

/// A tensor's entry in the header.
#[derive(Clone)]
pub struct GgufTensor {
    pub name: String,
    /// Innermost first.
    pub dimensions: Vec<u64>,
    pub ggml_type: u32,
    pub offset: u64,
}

pub const F32: u32 = 0;
pub const Q8_0: u32 = 8;

impl Gguf {
    pub fn new() -> Gguf {
        Gguf {
            magic: *b"GGUF",
            version: 3,
            tensor_count: None,
            key_count: None,
            keys: Vec::new(),
            tensors: Vec::new(),
            data: Vec::new(),
            alignment: 32,
        }
    }

    pub fn key(mut self, key: &str, value: Vec<u8>) -> Gguf {
        self.keys.push((key.into(), value));
        self
    }

    /// A tensor behind the others, with its bytes.
    pub fn tensor(mut self, name: &str, dimensions: &[u64], ggml_type: u32, bytes: &[u8]) -> Gguf {
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        let offset = self.data.len() as u64;
        self.tensors.push(GgufTensor { name: name.into(), dimensions: dimensions.to_vec(), ggml_type, offset });
        self.data.extend_from_slice(bytes);
        self
    }

    /// The file up to the padding before the data.
    pub fn header(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.key_count.unwrap_or(self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            out.extend(text(key));
            out.extend(value);
        }
        for tensor in &self.tensors {
            out.extend(text(&tensor.name));
            out.extend((tensor.dimensions.len() as u32).to_le_bytes());
            out.extend(tensor.dimensions.iter().flat_map(|d| d.to_le_bytes()));
            out.extend(tensor.ggml_type.to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out.extend_from_slice(&self.data);
        out
    }
}

/// A string as GGUF writes it.
pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// Values with their type in front.
pub fn u32_value(value: u32) -> Vec<u8> {
    [4u32.to_le_bytes(), value.to_le_bytes()].concat()
}

pub fn string_value(value: &str) -> Vec<u8> {
    [&8u32.to_le_bytes()[..], &text(value)].concat()
}

/// An array that claims `count` values of type `kind`, and the bytes that really follow.
pub fn array_value(kind: u32, count: u64, bytes: &[u8]) -> Vec<u8> {
    [&9u32.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), bytes].concat()
}

/// The bytes of numbers.
pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A GGUF file with a bit of everything: keys of several types, a float matrix `a.weight` `[4, 32]`, a quantised one `b.weight` `[2, 64]`.
pub fn small_gguf() -> Gguf {
    let tokens: Vec<u8> = ["<unk>", "a", "", "é"].iter().flat_map(|t| text(t)).collect();
    let quantised: Vec<u8> = (0..4 * 34).map(|i| if i % 34 == 1 { 0x3c } else { i as u8 }).collect();
    Gguf::new()
        .key("general.architecture", string_value("llama"))
        .key("general.alignment", u32_value(32))
        .key("llama.block_count", u32_value(1))
        .key("tokenizer.ggml.tokens", array_value(8, 4, &tokens))
        .key("tokenizer.ggml.scores", array_value(6, 4, &f32_bytes(&[0.0, -1.0, -2.0, -3.0])))
        .key("tokenizer.ggml.add_bos_token", vec![7, 0, 0, 0, 1])
        .key(
            "nested",
            array_value(9, 2, &[&array_value(0, 2, &[1, 2])[4..], &array_value(8, 1, &text("x"))[4..]].concat()),
        )
        .tensor("a.weight", &[32, 4], F32, &f32_bytes(&[0.5; 128]))
        .tensor("b.weight", &[64, 2], Q8_0, &quantised)
}

/// A safetensors file: the header as text, and the data behind it.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A safetensors file with `a.weight` `[2, 3]` in F32, `b.weight` `[4]` in BF16 and a buffer `c` of type I64.
pub fn small_safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"format":"pt"},
        "a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
        "c":{"dtype":"I64","shape":[1],"data_offsets":[24,32]},
        "b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[32,40]}}"#;
    let mut data = f32_bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    data.extend(7u64.to_le_bytes());
    data.extend([0x80, 0x3f].repeat(4));
    safetensors(header, &data)
}

/// Writes files into `folder`, by name.
pub fn write_all(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// A file of a tar archive as it will be written.
#[derive(Clone)]
pub struct Member {
    pub name: Vec<u8>,
    pub kind: u8,
    pub bytes: Vec<u8>,
    /// What the header claims, where that is not the truth.
    pub size: Option<&'static [u8]>,
    /// Bytes of the header that are something else.
    pub patches: Vec<(usize, &'static [u8])>,
    /// Bytes of the header that are something else, and that the checksum does not know of.
    pub damage: Option<(usize, u8)>,
}

impl Member {
    pub fn new(name: &str, bytes: &[u8]) -> Member {
        let (name, bytes) = (name.into(), bytes.to_vec());
        Member { name, kind: b'0', bytes, size: None, patches: vec![], damage: None }
    }

    pub fn header(&self) -> [u8; 512] {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, self.size.unwrap_or(format!("{:011o}\0", self.bytes.len()).as_bytes()));
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[self.kind]);
        put(257, b"ustar\x0000");
        self.patches.iter().for_each(|(at, bytes)| put(*at, bytes));
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        if let Some((at, value)) = self.damage {
            header[at] = value;
        }
        header
    }
}

/// A tar archive, its end included.
pub fn tar(members: &[Member]) -> Vec<u8> {
    let mut out = vec![];
    for member in members {
        out.extend(member.header());
        out.extend(&member.bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

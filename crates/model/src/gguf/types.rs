//! Numbers that GGUF gives to tensor types, also those whit does not read: a refusal should name them.

use whit_kernels::Format;

/// ggml's name of a tensor type whit does not read. Source: `enum ggml_type` in ggml.h.
pub(super) fn unsupported_name(ggml_type: u32) -> Option<&'static str> {
    Some(match ggml_type {
        4 => "Q4_2 (removed from ggml in 2023)",
        5 => "Q4_3 (removed from ggml in 2023)",
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        21 => "IQ3_S",
        22 => "IQ2_S",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        31 => "Q4_0_4_4 (removed from ggml in 2024)",
        32 => "Q4_0_4_8 (removed from ggml in 2024)",
        33 => "Q4_0_8_8 (removed from ggml in 2024)",
        36 => "IQ4_NL_4_4 (removed from ggml in 2024)",
        37 => "IQ4_NL_4_8 (removed from ggml in 2024)",
        38 => "IQ4_NL_8_8 (removed from ggml in 2024)",
        40 => "NVFP4",
        41 => "Q1_0",
        _ => return None,
    })
}

/// What whit reads, for a person: `F32, F16, Q4_0, ...`.
pub(super) fn supported_names() -> String {
    Format::all().map(Format::name).collect::<Vec<_>>().join(", ")
}

//! How text is cut into words before BPE joins bytes inside each: llama.cpp's names (`tokenizer.ggml.pre`) and their patterns.
//!
//! Where llama.cpp had to adapt a model's own pattern to C++'s regular expressions, the model's own is used here, as its
//! tokenizer.json has it. Source: `llm_tokenizer_bpe` of <https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp>.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

/// A pre-tokenizer and what llama.cpp takes for granted with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreTokenizer {
    /// Each cuts what the one before it left into its matches and what lies between them.
    patterns: &'static [&'static str],
    /// A word that is a token is that token, whatever the merges say.
    pub ignore_merges: bool,
    /// BOS is added unless `tokenizer.ggml.add_bos_token` says otherwise.
    pub add_bos: bool,
}

impl PreTokenizer {
    const fn new(patterns: &'static [&'static str]) -> PreTokenizer {
        PreTokenizer { patterns, ignore_merges: false, add_bos: false }
    }

    const fn ignoring_merges(self) -> PreTokenizer {
        PreTokenizer { ignore_merges: true, ..self }
    }

    const fn adding_bos(self) -> PreTokenizer {
        PreTokenizer { add_bos: true, ..self }
    }

    /// The pre-tokenizer that llama.cpp calls `name`.
    pub(super) fn by_name(name: &str) -> Option<PreTokenizer> {
        Some(match name {
            "default" => DEFAULT,
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
            | "jina-v5-nano" => LLAMA3,
            "dbrx" | "smaug-bpe" | "chatglm-bpe" => PreTokenizer::new(LLAMA3.patterns),
            "glm4" | "glm5" => PreTokenizer::new(LLAMA3.patterns).ignoring_merges(),
            "minicpm5" => MINICPM5,
            "jais-2" => JAIS2,
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan" | "solar-open"
            | "grok-2" => QWEN2,
            "qwen35" => QWEN35,
            "ufakzeka" => UFAKZEKA,
            "laguna" => LAGUNA,
            "seed-coder" => SEED_CODER,
            "bailingmoe" | "bailingmoe2" | "llada-moe" => BAILINGMOE,
            "exaone-moe" => EXAONE_MOE,
            "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de" | "jina-v1-en"
            | "jina-v2-code" | "roberta-bpe" | "a.x-4.0" | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais"
            | "trillion" | "granite-docling" | "exaone4" => GPT2,
            "starcoder" | "refact" | "command-r" | "smollm" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
                DIGITS_GPT2
            }
            "falcon" => FALCON,
            "deepseek-llm" => DEEPSEEK_LLM,
            "deepseek-coder" => DEEPSEEK_CODER,
            "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => DEEPSEEK_V3,
            "spark2_5" => SPARK,
            "afmoe" => AFMOE,
            "youtu" => YOUTU,
            "poro-chat" | "bloom" | "gpt3-finnish" => BLOOM,
            "viking" => VIKING,
            "tekken" => TEKKEN,
            "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => GPT4O,
            "granite-embed-multi-97m" => GPT4O.ignoring_merges(),
            "tiny_aya" | "cohere2moe" => TINY_AYA,
            "kimi-k2" => KIMI_K2,
            "superbpe" => SUPERBPE,
            "chameleon" => CHAMELEON,
            _ => return None,
        })
    }

    /// Cuts by the patterns, then spells bytes in GPT-2's alphabet.
    pub(super) fn build(&self) -> Result<PreTokenizerWrapper, String> {
        let mut steps = Vec::new();
        for &pattern in self.patterns {
            let pattern = SplitPattern::Regex(pattern.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(|e| e.to_string())?;
            steps.push(PreTokenizerWrapper::Split(split));
        }
        steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)));
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(steps)))
    }
}

/// GPT-2's own pattern; what it leaves (a space before a word) is a piece too.
const GPT2_PATTERN: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

const DEFAULT: PreTokenizer = PreTokenizer::new(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2_PATTERN, r"\p{N}+", "[0-9][0-9][0-9]"]);

pub(super) const GPT2: PreTokenizer = PreTokenizer::new(&[GPT2_PATTERN]);

const DIGITS_GPT2: PreTokenizer = PreTokenizer::new(&[r"\p{N}", GPT2_PATTERN]);

const FALCON: PreTokenizer = PreTokenizer::new(&[r"[\p{P}\$\+<=>\^~\|`]+", GPT2_PATTERN, "[0-9][0-9][0-9]"]);

pub(super) const LLAMA3: PreTokenizer = PreTokenizer::new(&[
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
])
.ignoring_merges()
.adding_bos();

const MINICPM5: PreTokenizer = PreTokenizer::new(&[
    r"\p{N}{1,3}",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
])
.ignoring_merges();

const JAIS2: PreTokenizer = PreTokenizer::new(&[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
    r"|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)",
    r"|\s{1,2}(?!\S)|\s{1}"
)]);

const QWEN2_PATTERN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

pub(super) const QWEN2: PreTokenizer = PreTokenizer::new(&[QWEN2_PATTERN]);

const QWEN35: PreTokenizer = PreTokenizer::new(&[
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]);

const UFAKZEKA: PreTokenizer =
    PreTokenizer::new(&[r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]);

const LAGUNA: PreTokenizer = PreTokenizer::new(&[r"[^\n]+|[\n]+", QWEN2_PATTERN]);

const SEED_CODER: PreTokenizer = PreTokenizer::new(&[
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
]);

const BAILINGMOE: PreTokenizer = PreTokenizer::new(&[
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
]);

const EXAONE_MOE: PreTokenizer = PreTokenizer::new(&[
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
]);

// Characters that Unicode normalization would change (the Kelvin sign) are written as escapes, so that no editor changes them.
const DEEPSEEK_LLM: PreTokenizer = PreTokenizer::new(&[
    r"[\r\n]",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1F7D}ᾀ-ᾴᾶ-ᾼ\x{1FBE}ῂ-ῄῆ-ῌῐ-\x{1FD3}ῖ-\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    "[一-龥ࠀ-一가-퟿]+",
    r"\p{N}+",
]);

const DEEPSEEK_CODER: PreTokenizer =
    PreTokenizer::new(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"]);

const DEEPSEEK_V3_WORDS: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

const DEEPSEEK_V3: PreTokenizer = PreTokenizer::new(&[r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_V3_WORDS]);

const SPARK: PreTokenizer = PreTokenizer::new(&[
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"##,
    r"\p{N}",
]);

const AFMOE: PreTokenizer = PreTokenizer::new(&[
    // Groups of three digits counted from the right.
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
    "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+",
    DEEPSEEK_V3_WORDS,
]);

const YOUTU: PreTokenizer = PreTokenizer::new(&[
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
    concat!(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
])
.ignoring_merges();

const BLOOM_WORDS: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";

const BLOOM: PreTokenizer = PreTokenizer::new(&[BLOOM_WORDS]);

const VIKING: PreTokenizer = PreTokenizer::new(&[BLOOM_WORDS, r"\p{N}"]);

const TEKKEN: PreTokenizer = PreTokenizer::new(&[concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)])
.ignoring_merges()
.adding_bos();

const GPT4O_PATTERN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const GPT4O: PreTokenizer = PreTokenizer::new(&[GPT4O_PATTERN]);

const TINY_AYA: PreTokenizer = PreTokenizer::new(&[r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O_PATTERN]);

const KIMI_K2: PreTokenizer = PreTokenizer::new(&[concat!(
    r"[\p{Han}]+",
    r"|[^\r\n\p{L}\p{N}]?[[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]*[[\p{Ll}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]+[[\p{Ll}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)]);

const SUPERBPE: PreTokenizer = PreTokenizer::new(&[r"\p{N}+", r"(?=(\d{3})+(?!\d))"]);

const CHAMELEON: PreTokenizer = PreTokenizer::new(&[
    "<sentinel:[0-9]+>",
    "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
    r"([\t\n]|    |  )",
    r"\p{N}",
    r"[\p{P}!-/:-@\[-`{-~]",
    GPT2_PATTERN,
])
.adding_bos();

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

    use super::PreTokenizer;

    const NAMES: &str = "default llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx \
        smaug-bpe chatglm-bpe glm4 glm5 minicpm5 jais-2 qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan \
        solar-open grok-2 qwen35 ufakzeka laguna seed-coder bailingmoe bailingmoe2 llada-moe exaone-moe gpt-2 phi-2 \
        jina-es jina-de gigachat jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe a.x-4.0 mellum modern-bert \
        mpt olmo jais trillion granite-docling exaone4 starcoder refact command-r smollm codeshell exaone minerva-7b \
        mellum2 falcon deepseek-llm deepseek-coder deepseek-v3 hunyuan-dense joyai-llm hy_v4 spark2_5 afmoe youtu \
        poro-chat bloom gpt3-finnish viking tekken gpt-4o llama4 kanana2 talkie minimax-m2 granite-embed-multi-97m \
        tiny_aya cohere2moe kimi-k2 superbpe chameleon";

    /// The words that `name` cuts `text` into.
    fn words(name: &str, text: &str) -> Vec<String> {
        let mut pieces = PreTokenizedString::from(text);
        PreTokenizer::by_name(name).unwrap().build().unwrap().pre_tokenize(&mut pieces).unwrap();
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        splits.into_iter().map(|(_, (start, end), _)| text[start..end].to_owned()).collect()
    }

    #[test]
    fn every_pattern_compiles_and_loses_nothing() {
        let text = "Hello, y'all! It's 1234567 o'CLOCK\n\n  ??  北京 e\u{301}lan नमस्ते <sentinel:3> 🦙x\t";
        for name in NAMES.split_whitespace() {
            assert_eq!(words(name, text).concat(), text, "{name}");
        }
        assert!(PreTokenizer::by_name("no-such-name").is_none());
    }

    #[test]
    fn digits_are_cut_as_each_model_was_taught() {
        let digits = |name| words(name, "a 1234567");
        assert_eq!(digits("gpt-2"), ["a", " 1234567"]);
        assert_eq!(digits("llama-bpe"), ["a", " ", "123", "456", "7"]);
        assert_eq!(digits("qwen2"), ["a", " ", "1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(digits("tiny_aya"), ["a", " ", "1", "234", "567"]);
        assert_eq!(digits("afmoe"), ["a", " ", "1", "234", "567"]);
        assert_eq!(digits("superbpe"), ["a ", "1", "234", "567"]);
    }

    #[test]
    fn a_combining_mark_stays_with_its_letter_where_the_model_has_it_so() {
        assert_eq!(words("gpt-4o", "re\u{301}sume\u{301}"), ["re\u{301}sume\u{301}"]);
        assert_eq!(words("llama-bpe", "re\u{301}sume"), ["re", "\u{301}sume"]);
    }
}

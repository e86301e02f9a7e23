//! `/v1/embeddings`: texts as vectors.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whit_engine::Pooling;
use whit_meter::Receipt;

use super::chat::read_model;
use super::completions::{Prompt, PromptSchema, read_prompts};
use super::sampling::read_name;
use super::{ApiError, Budget, Fields, ReceiptSchema};

/// Most texts of one request.
const MOST_INPUTS: usize = 2048;

/// Texts that are to become vectors.
#[derive(Debug, ToSchema)]
pub struct EmbeddingRequest {
    /// Which model reads them.
    pub model: String,
    /// The texts, or their token ids.
    #[schema(rename = "input", value_type = PromptSchema)]
    pub inputs: Vec<Prompt>,
    /// How vectors are written.
    #[schema(value_type = Option<EncodingFormat>, required = false)]
    pub encoding_format: EncodingFormat,
    /// The first so many numbers of each vector; all if not said.
    #[schema(minimum = 1)]
    pub dimensions: Option<usize>,
    /// How the vectors of a text's tokens become one: that of the last token, or their mean. An extension of OpenAI's embeddings.
    #[schema(value_type = Option<PoolingSchema>, required = false)]
    pub pooling: Pooling,
    /// Who asks: those who wait take turns, and the log names them.
    #[schema(max_length = 512)]
    pub user: Option<String>,
    /// What it may cost. An extension of OpenAI's embeddings.
    #[schema(rename = "whit")]
    pub budget: Option<Budget>,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncodingFormat {
    /// A list of numbers.
    Float,
    /// Its floats' bytes, little end first, in base 64.
    Base64,
}

/// How the vectors of a text's tokens become one, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum PoolingSchema {
    Last,
    Mean,
}

impl EmbeddingRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn read(mut all: Fields) -> Result<EmbeddingRequest, ApiError> {
        let fields = &mut all;
        let (format, pooling) = (fields.string("encoding_format")?, fields.string("pooling")?);
        let request = EmbeddingRequest {
            model: read_model(fields)?,
            inputs: read_prompts(fields, "input", MOST_INPUTS)?,
            encoding_format: match format.as_deref() {
                None | Some("float") => EncodingFormat::Float,
                Some("base64") => EncodingFormat::Base64,
                Some(other) => return Err(fields.wrong("encoding_format", &Value::from(other), "float or base64")),
            },
            dimensions: fields.count("dimensions", 1..=usize::MAX)?,
            pooling: match pooling.as_deref() {
                None | Some("last") => Pooling::Last,
                Some("mean") => Pooling::Mean,
                Some(other) => return Err(fields.wrong("pooling", &Value::from(other), "last or mean")),
            },
            user: read_name(fields, "user")?,
            budget: Budget::read(fields)?,
        };
        all.finish()?;
        Ok(request)
    }
}

/// The vectors.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbeddingResponse {
    /// Always `list`.
    pub object: &'static str,
    /// One for each text, in their order.
    pub data: Vec<Embedding>,
    /// Who read them.
    pub model: String,
    /// What it took.
    pub usage: EmbeddingUsage,
}

/// A text's vector, of length 1.
#[derive(Debug, Serialize, ToSchema)]
pub struct Embedding {
    /// Always `embedding`.
    pub object: &'static str,
    /// Which text.
    pub index: usize,
    /// The vector.
    pub embedding: Vector,
}

/// A vector as it was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Vector {
    /// Its numbers.
    Float(Vec<f32>),
    /// Its bytes in base 64.
    Base64(String),
}

/// What reading texts took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct EmbeddingUsage {
    /// Tokens of all texts.
    pub prompt_tokens: usize,
    /// The same.
    pub total_tokens: usize,
    /// What it cost, unless nothing is metered. An extension of OpenAI's usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReceiptSchema>)]
    pub whit: Option<Receipt>,
}

impl EncodingFormat {
    /// The first `dimensions` numbers of a vector, scaled to length 1 (a vector of zeros stays one).
    pub fn write(self, mut vector: Vec<f32>, dimensions: Option<usize>) -> Vector {
        vector.truncate(dimensions.unwrap_or(usize::MAX));
        let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        match self {
            EncodingFormat::Float => Vector::Float(vector),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                Vector::Base64(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<EmbeddingRequest, ApiError> {
        EmbeddingRequest::read(Fields::parse(format!("{{\"model\": \"m\", {fields}}}").as_bytes()).unwrap())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, param) in [
            (r#""inputs": "a""#, "input"),
            (r#""input": []"#, "input"),
            (r#""input": "a", "encoding_format": "hex""#, "encoding_format"),
            (r#""input": "a", "dimensions": 0"#, "dimensions"),
            (r#""input": "a", "pooling": "max""#, "pooling"),
            (r#""input": "a", "truncate": true"#, "truncate"),
        ] {
            assert_eq!(read(text).unwrap_err().into_body().error.param.as_deref(), Some(param), "{text}");
        }
        assert_eq!(read(r#""input": [[1], "a"], "pooling": "mean""#).unwrap().pooling, Pooling::Mean);
    }

    #[test]
    fn vectors_are_cut_then_scaled_then_written() {
        let Vector::Float(cut) = EncodingFormat::Float.write(vec![3.0, 4.0, 12.0], Some(2)) else { panic!() };
        assert_eq!(cut, [0.6, 0.8]);
        // -1.0 is 0xbf800000.
        let Vector::Base64(text) = EncodingFormat::Base64.write(vec![-2.0], None) else { panic!() };
        assert_eq!(text, "AACAvw==");
        let Vector::Float(zeros) = EncodingFormat::Float.write(vec![0.0; 2], Some(9)) else { panic!() };
        assert_eq!(zeros, [0.0; 2]);
    }
}

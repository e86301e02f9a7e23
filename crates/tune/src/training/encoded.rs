//! The examples as tokens.

use rayon::prelude::*;
use whit_engine::EngineError;
use whit_engine::brick::Job;
use whit_model::Tokenizer;

use crate::TuneError;
use crate::training::batches::Sequences;
use crate::training::data::{DataSet, Example, Input, Split, shortened};

/// Validation examples that the loss is looked at with while training, and that the confidence is calibrated on.
pub const LOOKED_AT: usize = 2000;

/// The examples as tokens.
pub struct Encoded {
    /// To learn from.
    pub train: Sequences,
    /// To look at.
    pub validation: Sequences,
    /// Tokens of the longest sequence.
    pub longest: usize,
    /// Tokens of the longest answer.
    pub longest_answer: usize,
    /// Sentences for the person.
    pub remarks: Vec<String>,
}

/// The prompt of an input.
///
/// # Errors
/// As [`Job::prompt`].
pub fn prompt(job: &Job, input: &Input) -> Result<Vec<u32>, EngineError> {
    match input {
        Input::Text(text) => job.prompt(text),
        Input::Messages(messages) => job.prompt_of(messages),
    }
}

impl Encoded {
    /// Encodes the examples that are trained on and looked at, without those longer than `context`; of all it is seen to that the engine
    /// could give their answers.
    ///
    /// # Errors
    /// If it could not, or all are longer.
    pub fn of(data: &DataSet, job: &Job, tokenizer: &Tokenizer, context: Option<usize>) -> Result<Encoded, TuneError> {
        let end = tokenizer.end_tokens().first().copied();
        let end =
            end.ok_or_else(|| TuneError::Option("the base's tokenizer has no token that ends an answer".into()))?;
        let encode = |example: &Example| -> Result<(Vec<u32>, Vec<u32>), TuneError> {
            let text = job.contract().text_of(&example.output).unwrap_or_default();
            let mut answer = tokenizer.encode(&text, false, false)?;
            answer.push(end);
            Ok((prompt(job, &example.input)?, answer))
        };
        let encode_checked = |checker: &mut Option<_>, example: &Example| {
            let (prompt, answer) = encode(example)?;
            let checker: &mut Option<whit_engine::Checker> = checker;
            if checker.as_mut().is_some_and(|checker| !checker.fits(&answer)) {
                let text = job.contract().text_of(&example.output).unwrap_or_default();
                return Err(TuneError::Data(format!(
                    "the answer to {} does not keep the contract: {} cannot be written under it",
                    shortened(&example.input.text()),
                    shortened(&text)
                )));
            }
            Ok((prompt, answer))
        };
        let examples = data.examples.par_iter().with_min_len(1024);
        let all = examples.map_init(|| job.checker(), encode_checked).collect::<Result<Vec<_>, TuneError>>()?;
        let mut encoded = Encoded {
            train: Sequences::default(),
            validation: Sequences::default(),
            longest: 0,
            longest_answer: 0,
            remarks: Vec::new(),
        };
        let mut too_long = 0;
        for (example, (prompt, answer)) in data.examples.iter().zip(&all) {
            let to = match example.split {
                Split::Train => &mut encoded.train,
                Split::Validation if encoded.validation.len() < LOOKED_AT => &mut encoded.validation,
                _ => continue,
            };
            let length = prompt.len() + answer.len();
            if context.is_some_and(|context| length > context) {
                too_long += 1;
                continue;
            }
            encoded.longest = encoded.longest.max(length);
            encoded.longest_answer = encoded.longest_answer.max(answer.len());
            to.push(prompt, answer);
        }
        let context = context.unwrap_or(0);
        if encoded.train.is_empty() || encoded.validation.is_empty() {
            return Err(TuneError::Data(format!(
                "too few examples fit the context of {context} tokens ({too_long} are longer): raise --context or shorten them"
            )));
        }
        if too_long > 0 {
            encoded.remarks.push(format!(
                "{too_long} of {} examples are longer than the context of {context} tokens and are left out",
                encoded.train.len() + encoded.validation.len() + too_long
            ));
        }
        Ok(encoded)
    }
}

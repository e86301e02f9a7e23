//! What an answer must fit: its format, calls of tools, and thinking before either.

use whit_engine::{ConstraintError, Grammar};

use crate::openai::{ApiError, Offer};
use crate::service::Service;
use crate::thinking::Thinking;
use crate::tools::ToolChoice;

/// The grammar of an answer, if it must fit one; and what thinking there may be before it.
///
/// # Errors
/// What of the tools cannot be enforced; what is wrong within a schema is told when the grammar is compiled.
pub fn grammar(
    service: &Service,
    format: Option<Grammar>,
    offer: Option<&Offer>,
    thinking: Thinking,
) -> Result<(Option<Grammar>, Thinking), ApiError> {
    let token = |marker: &str| service.control_token(marker);
    let calls = match offer {
        None => None,
        Some(Offer { tools, choice, parallel }) => {
            // What is no call is of the format: between the two there is no text.
            let is_free = *choice == ToolChoice::Auto && format.is_none();
            let choice = if is_free || matches!(choice, ToolChoice::Named(_)) { choice } else { &ToolChoice::Required };
            let calls = service.syntax.grammar(tools, choice, *parallel, &token);
            calls.map_err(|error| ApiError::invalid(error.to_string()).param("tools").code("invalid_tools"))?
        }
    };
    let may_say = offer.is_none_or(|offer| offer.choice == ToolChoice::Auto);
    let in_lark = |format: Grammar| format.to_lark().map_err(|error| refused(&error, false));
    let answer = match (calls, format.filter(|_| may_say)) {
        (None, None) => return Ok((None, thinking)),
        // Its first character is the grammar's.
        (None, Some(format @ Grammar::Lark(_))) => return Ok((Some(format), Thinking::after("", false))),
        (None, Some(format)) if !thinking.may_think() => return Ok((Some(format), thinking)),
        (None, Some(format)) => in_lark(format)?,
        (Some(calls), None) => calls,
        (Some(calls), Some(format)) => either(&calls, &in_lark(format)?),
    };
    Ok((Some(Grammar::Lark(thinking.before(answer, &token))), thinking))
}

/// A grammar of what fits either; both begin with the rule `start`, and share no others.
fn either(calls: &str, format: &str) -> String {
    let rest = |grammar: &str| grammar.strip_prefix("start:").unwrap_or(grammar).to_owned();
    format!("start: called | shaped\ncalled:{}\nshaped:{}", rest(calls), rest(format))
}

/// Why a grammar is not enforced, for who asked for a format or for calls of tools.
pub fn refused(error: &ConstraintError, is_of_tools: bool) -> ApiError {
    let (param, code) = match is_of_tools {
        true => ("tools", "invalid_tools"),
        false => ("response_format", "invalid_response_format"),
    };
    match error {
        ConstraintError::Busy | ConstraintError::Full => {
            ApiError::busy(error.to_string(), std::time::Duration::from_secs(1))
        }
        error => ApiError::invalid(error.to_string()).param(param).code(code),
    }
}

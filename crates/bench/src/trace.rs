//! When requests come and how long they are: traces of real services.

use std::path::Path;
use std::time::Duration;

use crate::BenchError;

/// A request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Since the first.
    pub at: Duration,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub output_tokens: usize,
}

/// What a trace is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Lengths of prompts and answers, which stay 1 at least.
    pub lengths: f64,
    /// Times: 0.5 is twice as many requests a second.
    pub times: f64,
}

/// The first `most` arrivals of a trace in the layout of the Azure LLM inference traces
/// (TIMESTAMP,ContextTokens,GeneratedTokens; <https://github.com/Azure/AzurePublicDataset>).
///
/// # Errors
/// If the file cannot be read, or a line of it is something else.
pub fn read_trace(path: &Path, most: usize, scale: Scale) -> Result<Vec<Arrival>, BenchError> {
    let text = std::fs::read_to_string(path).map_err(|source| BenchError::Trace { path: path.to_owned(), source })?;
    let mut arrivals = Vec::new();
    let mut first = None;
    // The first line names the columns.
    let lines = text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty());
    for (index, line) in lines.take(most) {
        let wrong = |problem: String| BenchError::Line { path: path.to_owned(), line: index + 1, problem };
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let &[time, prompt, output] = fields.as_slice() else {
            return Err(wrong(format!("{} columns", fields.len())));
        };
        let no_time = || wrong(format!("'{time}' is no time like 2023-11-16 18:15:46.68"));
        let tokens = |text: &str| match text.parse::<u32>() {
            Ok(tokens) => Ok(((f64::from(tokens) * scale.lengths).round() as usize).max(1)),
            Err(_) => Err(wrong(format!("'{text}' is no number of tokens"))),
        };
        let seconds = seconds_of(time).ok_or_else(no_time)?;
        let since_first = (seconds - *first.get_or_insert(seconds)).max(0.0) * scale.times;
        arrivals.push(Arrival {
            at: Duration::try_from_secs_f64(since_first).map_err(|_| no_time())?,
            prompt_tokens: tokens(prompt)?,
            output_tokens: tokens(output)?,
        });
    }
    Ok(arrivals)
}

/// Seconds of `2023-11-16 18:15:46.6805900` since some day.
fn seconds_of(text: &str) -> Option<f64> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.trim_end_matches('Z').splitn(3, ':');
    let (hours, minutes) = (time.next()?.parse::<u32>().ok()?, time.next()?.parse::<u32>().ok()?);
    let seconds = time.next()?.parse::<f64>().ok().filter(|seconds| (0.0..61.0).contains(seconds))?;
    if year > 9999 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hours > 23 || minutes > 59 {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some(f64::from(days) * 86400.0 + f64::from(hours * 3600 + minutes * 60) + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lines: &str) -> Result<Vec<Arrival>, BenchError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace.csv");
        std::fs::write(&file, format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{lines}\n")).unwrap();
        read_trace(&file, 3, Scale { lengths: 0.125, times: 2.0 })
    }

    #[test]
    fn arrivals_are_scaled_and_counted_from_the_first() {
        let arrivals = trace(
            "2023-11-30 23:59:59.5000000,374,44\n2023-12-01 00:00:00.25,8,1\n\n2023-12-01 00:00:01,80,16\n\
             2023-12-01 00:00:02,80,16",
        );
        let arrival =
            |ms, prompt_tokens, output_tokens| Arrival { at: Duration::from_millis(ms), prompt_tokens, output_tokens };
        assert_eq!(arrivals.unwrap(), [arrival(0, 47, 6), arrival(1500, 1, 1), arrival(3000, 10, 2)]);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let day = |text: &str| seconds_of(&format!("{text} 00:00:00")).unwrap() / 86400.0;
        for (before, after) in [
            ("2023-02-28", "2023-03-01"),
            ("2024-02-29", "2024-03-01"),
            ("2023-12-31", "2024-01-01"),
            ("2000-02-29", "2000-03-01"),
            ("2100-02-28", "2100-03-01"),
        ] {
            assert_eq!(day(after) - day(before), 1.0, "{before}");
        }
    }

    #[test]
    fn what_is_no_trace_is_a_sentence_with_the_line() {
        for line in [
            "today,1,2",
            "2023-12-01 00:00:00,x,2",
            "2023-12-01 00:00:00,1",
            "2023-12-01 00:00:00,1,2,3",
            "2023-13-01 00:00:00,1,2",
            "2023-12-01 00:00:nan,1,2",
        ] {
            let error = trace(line).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains("TIMESTAMP"), "{error}");
        }
        assert!(matches!(
            read_trace(Path::new("/nowhere"), 1, Scale { lengths: 1.0, times: 1.0 }),
            Err(BenchError::Trace { .. })
        ));
    }
}

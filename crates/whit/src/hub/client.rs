//! Asking the hub: what is in a repository, what a file is, and its bytes.
//! <https://huggingface.co/docs/hub/api>

use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::settings::Settings;
use super::{HubError, HubModel, is_plain_name};

/// A listing larger than this is not a model's.
const LISTING_LIMIT: u64 = 16 << 20;

/// A connection to one hub.
pub struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
}

/// The files of one commit.
pub struct Listing {
    /// What the revision stands for.
    pub commit: String,
    /// Names as the server gives them: not to be trusted as paths.
    pub files: Vec<String>,
}

/// What the hub says of a file.
pub struct FileInfo {
    /// Names the contents; checked to be a plain file name. The SHA-256 of large files.
    pub etag: String,
    /// Its size in bytes, if said.
    pub size: Option<u64>,
    /// Where its bytes are.
    pub url: String,
}

impl Client {
    /// A client for the hub of `settings`. Connects to nothing yet.
    pub fn new(settings: &Settings) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("whit/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(30)))
            .build()
            .into();
        Client { agent, endpoint: settings.endpoint.clone(), token: settings.token.clone() }
    }

    /// What is in the repository.
    ///
    /// # Errors
    /// [`HubError::Refused`] for a repository that is not there or not ours to see; [`HubError::Unreachable`] if nobody answers.
    pub fn list(&self, model: &HubModel) -> Result<Listing, HubError> {
        let url = format!("{}/api/models/{}/revision/{}", self.endpoint, model.repository, model.revision);
        let mut response = self.with_token(self.agent.get(&url)).call().map_err(|error| self.unreachable(&error))?;
        self.check(model, None, &response)?;
        let text = response
            .body_mut()
            .with_config()
            .limit(LISTING_LIMIT)
            .read_to_string()
            .map_err(|error| self.unreachable(&error))?;
        let odd = || {
            HubError::Unreachable(format!(
                "{url}: the answer is not a hub's listing of a repository; check HF_ENDPOINT"
            ))
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| odd())?;
        let commit = value.get("sha").and_then(|sha| sha.as_str()).filter(|sha| is_plain_name(sha)).ok_or_else(odd)?;
        let siblings = value.get("siblings").and_then(|list| list.as_array()).ok_or_else(odd)?;
        let files = siblings.iter().filter_map(|file| Some(file.get("rfilename")?.as_str()?.to_owned())).collect();
        Ok(Listing { commit: commit.to_owned(), files })
    }

    /// What the file is and where its bytes are. Large files lie elsewhere; the hub's own answer, before the redirection, has
    /// their name and size in `X-Linked-ETag` and `X-Linked-Size`.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub fn info(&self, model: &HubModel, commit: &str, file: &str) -> Result<FileInfo, HubError> {
        let mut url = format!("{}/{}/resolve/{commit}/{}", self.endpoint, model.repository, escape(file));
        // A repository that was renamed answers with a redirection on the same host.
        for _ in 0..5 {
            let request = self.with_token(self.agent.head(&url)).header("Accept-Encoding", "identity");
            let request = request.config().max_redirects(0).max_redirects_will_error(false).build();
            let response = request.call().map_err(|error| self.unreachable(&error))?;
            let header = |name: &str| response.headers().get(name)?.to_str().ok();
            if let (true, Some(location)) = (response.status().is_redirection(), header("location"))
                && location.starts_with('/')
                && !location.starts_with("//")
            {
                url = format!("{}{location}", origin(&self.endpoint));
                continue;
            }
            if !response.status().is_redirection() {
                self.check(model, Some(file), &response)?;
            }
            let etag = header("x-linked-etag")
                .or_else(|| header("etag"))
                .map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
            let size = header("x-linked-size")
                .or_else(|| header("content-length").filter(|_| !response.status().is_redirection()));
            return match etag.filter(|etag| is_plain_name(etag)) {
                Some(etag) => {
                    Ok(FileInfo { etag: etag.to_owned(), size: size.and_then(|size| size.parse().ok()), url })
                }
                None => Err(HubError::Unreachable(format!(
                    "{url}: the answer has no usable ETag, as a hub's should; check HF_ENDPOINT"
                ))),
            };
        }
        Err(HubError::Unreachable(format!("{url}: too many redirections")))
    }

    /// The bytes at `url` from `from` on: status 206, or 200 and from the start if the server cannot do that.
    ///
    /// # Errors
    /// As [`Client::list`]. A range that cannot be satisfied (416) is not an error.
    pub fn bytes(&self, model: &HubModel, file: &str, url: &str, from: u64) -> Result<Response<Body>, HubError> {
        let mut request = self.with_token(self.agent.get(url)).header("Accept-Encoding", "identity");
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        if response.status() != StatusCode::RANGE_NOT_SATISFIABLE {
            self.check(model, Some(file), &response)?;
        }
        Ok(response)
    }

    /// ureq drops this header when a redirection leads to another host.
    fn with_token<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// A sentence for each way in which a hub says no.
    fn check(&self, model: &HubModel, file: Option<&str>, response: &Response<Body>) -> Result<(), HubError> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let code = response.headers().get("x-error-code").and_then(|code| code.to_str().ok()).unwrap_or("");
        let page = format!("{}/{}", self.endpoint, model.repository);
        let what = file.map(|file| format!("{file} ")).unwrap_or_default();
        Err(match (status.as_u16(), code) {
            (_, "GatedRepo") | (403, _) => HubError::Refused(format!(
                "{model}: the model is not open to everyone ({status}); accept its conditions at {page}, then set HF_TOKEN to a token of that account"
            )),
            (401, _) if self.token.is_some() => HubError::Refused(format!(
                "{model}: the hub does not let this token see it ({status}): check the spelling, and that HF_TOKEN is valid and may read {page}"
            )),
            (401, _) => HubError::Refused(format!(
                "{model}: the hub asks who you are ({status}): the name is misspelt or the model is private; check {page}, or set HF_TOKEN to a token that may read it"
            )),
            (404, "RevisionNotFound") => {
                HubError::Refused(format!("{model}: there is no revision '{}' ({status}); see {page}", model.revision))
            }
            (404, _) if file.is_some() => {
                HubError::Refused(format!("{model}: there is no file {what}({status}); see {page}"))
            }
            (404, _) => {
                HubError::Refused(format!("{model}: there is no such model ({status}); check the spelling at {page}"))
            }
            (429, _) => HubError::Unreachable(format!(
                "{model}: the hub is asked too often from here ({status}); try again in some minutes, or set HF_TOKEN"
            )),
            _ => HubError::Unreachable(format!("{model}: the hub answered {status}; try again later")),
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> HubError {
        HubError::Unreachable(format!(
            "cannot reach {}: {error}; check the connection (models in the cache work without one), or set HF_ENDPOINT to a mirror",
            self.endpoint
        ))
    }
}

/// Scheme and host of a URL.
fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    &url[..url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at)]
}

/// Percent-encodes everything but unreserved characters and slashes (RFC 3986).
fn escape(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => (b as char).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(origin("http://h:1/a/b"), "http://h:1");
        assert_eq!(origin("https://h"), "https://h");
        assert_eq!(escape("a b/ü#.gguf"), "a%20b/%C3%BC%23.gguf");
    }
}

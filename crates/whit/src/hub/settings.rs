//! The environment variables of Hugging Face's own tools.
//! <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>

use std::path::PathBuf;

use super::HubError;

/// What the environment says about the hub and its cache.
pub struct Settings {
    /// Where the hub is, without a slash at the end.
    pub endpoint: String,
    /// The folder with `models--OWNER--NAME`.
    pub cache: PathBuf,
    /// Who is asking, for private and gated models.
    pub token: Option<String>,
    /// Ask nobody.
    pub offline: bool,
}

impl Settings {
    /// Reads `HF_ENDPOINT`; `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`; `HF_TOKEN`, `HF_TOKEN_PATH` and the token file;
    /// `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// If no cache folder is named and there is no home folder.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, HubError> {
        let get = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let home = get("HF_HOME").map(PathBuf::from).or_else(|| {
            let cache = get("XDG_CACHE_HOME").map(PathBuf::from);
            let user = || get("HOME").or_else(|| get("USERPROFILE")).map(|home| PathBuf::from(home).join(".cache"));
            Some(cache.or_else(user)?.join("huggingface"))
        });
        let cache = get("HF_HUB_CACHE")
            .or_else(|| get("HUGGINGFACE_HUB_CACHE"))
            .map(PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .ok_or_else(|| HubError::Refused("no folder to keep models in: set HF_HOME to one".into()))?;
        let from_file = || {
            let path = get("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join("token")))?;
            let token = std::fs::read_to_string(path).ok()?.trim().to_owned();
            (!token.is_empty()).then_some(token)
        };
        let token = get("HF_TOKEN").or_else(|| get("HUGGING_FACE_HUB_TOKEN")).or_else(from_file);
        let on = |value: String| matches!(value.to_ascii_lowercase().as_str(), "1" | "on" | "yes" | "true");
        Ok(Settings {
            endpoint: get("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".into())
                .trim_end_matches('/')
                .to_owned(),
            cache,
            token,
            offline: get("HF_HUB_OFFLINE").is_some_and(on),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        Settings::from_environment(get).unwrap()
    }

    #[test]
    fn the_cache_is_where_hugging_face_keeps_it() {
        let cache = |variables: &[_]| settings(variables).cache;
        assert_eq!(cache(&[("HOME", "/h")]), PathBuf::from("/h/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), PathBuf::from("/x/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]), PathBuf::from("/f/hub"));
        assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]), PathBuf::from("/c"));
        assert!(Settings::from_environment(|_| None).is_err());
    }

    #[test]
    fn the_environment_says_who_where_and_whether() {
        let plain = settings(&[("HOME", "/nowhere")]);
        assert_eq!((plain.endpoint.as_str(), plain.token, plain.offline), ("https://huggingface.co", None, false));
        let set = settings(&[
            ("HOME", "/nowhere"),
            ("HF_ENDPOINT", "http://mirror/"),
            ("HF_TOKEN", " t\n"),
            ("HF_HUB_OFFLINE", "1"),
        ]);
        assert_eq!((set.endpoint.as_str(), set.token.as_deref(), set.offline), ("http://mirror", Some("t"), true));
    }
}

//! The options that say what an executable may use, as a [`Policy`].
//!
//! What is baked in is the most that a run can have, unless `--policy=open` is said, or nothing is baked in.

use super::arguments::{Arguments, PolicyName};
use crate::error::{CompileError, Result};
use crate::options::{DirGrant, EmbedDir, EnvGrant, Policy};
use w2n_abi::{
    Limits, MIN_STACK_BYTES, NO_LIMIT, PolicyWord, parse_decimal, parse_duration, parse_size, split_dir_grant,
};

/// The policy that the options describe.
pub fn policy(arguments: &Arguments) -> Result<Policy> {
    let mut policy = Policy {
        dirs: arguments.dirs.iter().map(|text| dir_grant(text)).collect::<Result<_>>()?,
        env: arguments.env.iter().map(|text| env_grant(text)).collect::<Result<_>>()?,
        listeners: arguments.tcplisten.iter().map(|text| address(text)).collect::<Result<_>>()?,
        allow_escapes: arguments.allow_escapes,
        limits: limits(arguments)?,
        word: PolicyWord::Open,
    };
    policy.word = match (arguments.policy, arguments.sealed) {
        (None | Some(PolicyName::Sealed), true) | (Some(PolicyName::Sealed), false) => PolicyWord::Sealed,
        (Some(_), true) => {
            return Err(CompileError::usage("--sealed and --policy contradict each other")
                .hint("--sealed is short for --policy=sealed"));
        }
        (Some(PolicyName::Open), false) => PolicyWord::Open,
        (Some(PolicyName::Bound), false) => PolicyWord::Bound,
        (None, false) if policy.says_something() => PolicyWord::Bound,
        (None, false) => PolicyWord::Open,
    };
    Ok(policy)
}

fn limits(arguments: &Arguments) -> Result<Limits> {
    let stack_size = |text: &[u8]| parse_size(text).filter(|&size| size >= MIN_STACK_BYTES);
    let size = "a size, such as 64M";
    let time = "a time, such as 5, 1.5, 500ms or 2m";
    Ok(Limits {
        memory_bytes: limit("--max-memory", arguments.max_memory.as_deref(), parse_size, size)?,
        stack_bytes: limit(
            "--stack-size",
            arguments.stack_size.as_deref(),
            stack_size,
            "a size of 64K or more, such as 8M",
        )?,
        descriptors: limit("--max-fds", arguments.max_fds.as_deref(), parse_decimal, "a number")?,
        time_ns: limit("--timeout", arguments.timeout.as_deref(), parse_duration, time)?,
    })
}

fn limit(option: &str, text: Option<&str>, parse: impl Fn(&[u8]) -> Option<u64>, takes: &str) -> Result<u64> {
    let Some(text) = text else { return Ok(NO_LIMIT) };
    parse(text.as_bytes()).ok_or_else(|| {
        CompileError::usage(format!("`{text}` is no value of `{option}`")).hint(format!("it takes {takes}"))
    })
}

/// `ADDRESS:PORT`; the name `localhost` is known.
fn address(text: &str) -> Result<String> {
    let numeric =
        text.strip_prefix("localhost").map_or_else(|| text.to_owned(), |rest| format!("127.0.0.1{rest}"));
    match numeric.parse::<std::net::SocketAddr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(CompileError::usage(format!("--tcplisten={text}: not an address and a port"))
            .hint("write --tcplisten 127.0.0.1:8080 or --tcplisten [::1]:8080")),
    }
}

/// `HOST[::GUEST][:ro]`
fn dir_grant(text: &str) -> Result<DirGrant> {
    let Some(parts) = split_dir_grant(text.as_bytes()) else {
        return Err(CompileError::usage(format!("--dir={text}: a path is empty"))
            .hint("write --dir HOST, --dir HOST::GUEST or --dir HOST::GUEST:ro"));
    };
    // It was taken apart at colons, so the parts are text, too.
    let text_of = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
    Ok(DirGrant {
        host: text_of(parts.host),
        guest: text_of(parts.guest.unwrap_or(parts.host)),
        read_only: parts.read_only,
    })
}

/// `HOST[::GUEST]`
pub fn embed_dir(text: &str) -> Result<EmbedDir> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err(CompileError::usage(format!("--embed-dir={text}: a path is empty"))
            .hint("write --embed-dir HOST or --embed-dir HOST::GUEST"));
    }
    Ok(EmbedDir { host: host.to_owned(), guest: guest.to_owned() })
}

/// `K[=V]`
fn env_grant(text: &str) -> Result<EnvGrant> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err(CompileError::usage(format!("--env={text}: the name is empty"))
            .hint("write --env NAME=VALUE, or --env NAME to pass the host's value on"));
    }
    Ok(EnvGrant { key: key.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_or_localhost() {
        for text in ["127.0.0.1:80", "[::1]:0", "localhost:8080", "0.0.0.0:1"] {
            assert_eq!(address(text).ok().as_deref(), Some(text));
        }
        for text in ["127.0.0.1", "example.org:80", "localhost", ":80", "127.0.0.1:70000", "::1:80:x"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dir_grants_have_guest_name_and_read_only_mark() {
        let grant = |host: &str, guest: &str, read_only| DirGrant {
            host: host.into(),
            guest: guest.into(),
            read_only,
        };
        assert_eq!(dir_grant("a").ok(), Some(grant("a", "a", false)));
        assert_eq!(dir_grant("a:ro").ok(), Some(grant("a", "a", true)));
        assert_eq!(dir_grant("a:b::/c:ro").ok(), Some(grant("a:b", "/c", true)));
        assert_eq!(dir_grant("a::ro").ok(), Some(grant("a", "ro", false)));
        assert!(dir_grant("a::").is_err());
        assert!(dir_grant("::b").is_err());
        assert!(dir_grant(":ro").is_err());
    }

    #[test]
    fn env_grants_may_have_equals_signs_in_their_value() {
        let grant = env_grant("K=a=b").ok();
        assert_eq!(grant, Some(EnvGrant { key: "K".into(), value: Some("a=b".into()) }));
        assert_eq!(env_grant("K").ok(), Some(EnvGrant { key: "K".into(), value: None }));
        assert!(env_grant("=v").is_err());
    }
}

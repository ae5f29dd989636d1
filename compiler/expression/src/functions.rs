//! The functions that expressions may call: an explicit list, never `stdlib::all()`. No function here
//! reads files, the environment, the network, the clock or a random source, and none can make its
//! result much larger than its arguments.

mod absolute;
mod assumed;
mod hidden;
mod metered;
mod operands;
mod retyped;

use std::sync::LazyLock;

use vrl::compiler::Function;
use vrl::stdlib as std_;

use absolute::Absolute;
pub(crate) use assumed::Assumption;
pub(crate) use metered::{Meter, begin};
pub(crate) use operands::{DEFINED, NUMBER};
use retyped::{Captures, Container, Number, Opaque};

/// The functions, built once: VRL compiles against a slice of boxes.
pub(crate) static FUNCTIONS: LazyLock<Vec<Box<dyn Function>>> = LazyLock::new(list);

/// Names of the functions that expressions may call, sorted.
pub fn names() -> Vec<&'static str> {
    FUNCTIONS
        .iter()
        .map(|function| function.identifier())
        .filter(|name| name.is_ascii())
        .collect()
}

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Function> {
    let at = FUNCTIONS
        .binary_search_by(|function| function.identifier().cmp(name))
        .ok()?;
    FUNCTIONS.get(at).map(AsRef::as_ref)
}

/// Why a VRL function is not on the list, and what to use instead.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" => {
            "a retry must see the same result; use `%time`, the time at which the message was accepted"
        }
        "uuid_v4" | "uuid_v7" | "uuid_from_friendly_id" => {
            "a retry must see the same result; use `%id`, the message's id"
        }
        "random_bool" | "random_bytes" | "random_float" | "random_int" => {
            "a retry must see the same result; derive the value from `%id`"
        }
        "get_env_var" | "get_hostname" | "get_timezone_name" => {
            "expressions do not see the machine that they run on"
        }
        "http_request" | "dns_lookup" | "reverse_dns" => "expressions do not reach the network",
        "log" => "expressions write nothing; add a `log` sink",
        "assert" | "assert_eq" => "use `if` and `abort`",
        "range" | "decode_gzip" | "decode_lz4" | "decode_snappy" | "decode_zlib"
        | "decode_zstd" | "set" | "unnest" => "its result can be far larger than its arguments",
        "format_int" | "format_number" => "large numbers end the process; use `to_string`",
        "zip" => "of an empty list it never ends; use `for_each`",
        "snakecase" => "other values than strings end the process; use `kebabcase` or `downcase`",
        "parse_grok" | "parse_groks" | "parse_user_agent" | "match_datadog_query" | "to_regex" => {
            "its cost is not bounded by its arguments; use `parse_regex`"
        }
        "encrypt" | "decrypt" | "encrypt_ip" | "decrypt_ip" => {
            "keys do not belong into expressions"
        }
        "encode_proto" | "parse_proto" | "validate_json_schema" | "parse_etld" => "it reads files",
        _ => return None,
    })
}

fn list() -> Vec<Box<dyn Function>> {
    macro_rules! boxed {
        ($($function:expr),* $(,)?) => { vec![$(Box::new($function) as Box<dyn Function>),*] };
    }
    let mut functions = boxed![
        Absolute,
        std_::Append,
        std_::Array,
        std_::BaseName,
        std_::Boolean,
        std_::Camelcase,
        std_::Ceil,
        std_::Chunks,
        Container(std_::Compact),
        std_::Contains,
        std_::ContainsAll,
        std_::DecodeBase16,
        std_::DecodeBase64,
        std_::DecodePercent,
        std_::Del,
        std_::DirName,
        std_::Downcase,
        std_::EncodeBase16,
        std_::EncodeBase64,
        std_::EncodeCsv,
        std_::EncodeJson,
        std_::EncodeKeyValue,
        std_::EncodePercent,
        std_::EndsWith,
        std_::Exists,
        Opaque(std_::Filter),
        std_::Find,
        Container(std_::Flatten),
        std_::Float,
        std_::Floor,
        Opaque(std_::ForEach),
        std_::FormatTimestamp,
        std_::FromEntries,
        std_::FromUnixTimestamp,
        std_::Get,
        std_::Includes,
        std_::Integer,
        std_::IpCidrContains,
        std_::IsArray,
        std_::IsBoolean,
        std_::IsEmpty,
        std_::IsFloat,
        std_::IsInteger,
        std_::IsIpv4,
        std_::IsIpv6,
        std_::IsJson,
        std_::IsNull,
        std_::IsNullish,
        std_::IsObject,
        std_::IsString,
        std_::IsTimestamp,
        std_::Join,
        std_::Kebabcase,
        std_::Keys,
        std_::Length,
        Opaque(std_::MapKeys),
        Opaque(std_::MapValues),
        std_::Match,
        std_::MatchAny,
        Opaque(std_::Merge),
        Number(std_::Mod),
        std_::Object,
        std_::ObjectFromArray,
        std_::ParseBytes,
        std_::ParseCsv,
        std_::ParseDuration,
        std_::ParseFloat,
        std_::ParseInt,
        std_::ParseJson,
        std_::ParseKeyValue,
        std_::ParseLogFmt,
        std_::ParseQueryString,
        Captures(std_::ParseRegex),
        Captures(std_::ParseRegexAll),
        std_::ParseTimestamp,
        std_::ParseUrl,
        std_::ParseXml,
        std_::Pascalcase,
        Opaque(std_::Pop),
        std_::Push,
        std_::Redact,
        Container(std_::Remove),
        std_::Replace,
        Opaque(std_::ReplaceWith),
        std_::Round,
        std_::ScreamingSnakecase,
        std_::Sieve,
        Opaque(std_::Slice),
        std_::Split,
        std_::StartsWith,
        std_::String,
        std_::StripWhitespace,
        std_::Strlen,
        std_::Tally,
        std_::Timestamp,
        std_::ToBool,
        std_::ToEntries,
        std_::ToFloat,
        std_::ToInt,
        std_::ToString,
        std_::ToUnixTimestamp,
        std_::Truncate,
        std_::Unflatten,
        std_::Unique,
        std_::Upcase,
        std_::Values,
    ];
    for hidden in [
        assumed::functions(),
        metered::functions(),
        operands::functions(),
    ]
    .into_iter()
    .flatten()
    {
        functions.push(Box::new(hidden));
    }
    functions.sort_by_key(|function| function.identifier());
    functions
}

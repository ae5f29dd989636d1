//! Texts with a form: durations, sizes, cron, and the like.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A form of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `30s`.
    Duration,
    /// `512Ki`.
    Bytes,
    /// `500m`.
    Cpu,
    /// RFC 3339.
    Timestamp,
    /// Five or six fields.
    Cron,
    /// An IANA name.
    TimeZone,
    /// `http://` or `https://` and a host, without credentials.
    Url,
    /// Starts with `/`.
    WebPath,
    /// A file or folder of the project.
    FilePath,
}

impl Format {
    /// The form that a schema's `format` or `pattern` asks for.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "vrsky-duration" | r"^[0-9]{1,9}(ms|s|m|h|d)$" => Some(Self::Duration),
            r"^[0-9]{1,12}(k|Ki|M|Mi|G|Gi)?$" => Some(Self::Bytes),
            r"^[0-9]{1,9}m?$" => Some(Self::Cpu),
            "date-time" => Some(Self::Timestamp),
            "vrsky-cron" => Some(Self::Cron),
            "vrsky-timezone" => Some(Self::TimeZone),
            "vrsky-url" => Some(Self::Url),
            "vrsky-web-path" => Some(Self::WebPath),
            "vrsky-file-path" => Some(Self::FilePath),
            _ => None,
        }
    }

    /// What is wrong with a text, one line.
    pub(crate) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Duration => milliseconds(text)
                .map(drop)
                .ok_or_else(|| format!("`{text}` is not a duration")),
            Self::Bytes => bytes(text)
                .map(drop)
                .ok_or_else(|| format!("`{text}` is not a number of bytes")),
            Self::Cpu => millicores(text)
                .map(drop)
                .ok_or_else(|| format!("`{text}` is not a number of cores")),
            Self::Timestamp => Timestamp::from_str(text)
                .map(drop)
                .map_err(|_| format!("`{text}` is not a time")),
            Self::Cron => cron(text),
            Self::TimeZone => TimeZone::get(text)
                .map(drop)
                .map_err(|_| format!("`{text}` is not a time zone")),
            Self::Url => url(text),
            Self::WebPath => web_path(text),
            Self::FilePath if text.is_empty() || text.contains('\0') => {
                Err("not a path".to_owned())
            }
            Self::FilePath if !vrsky_plan::file::stays_inside(text) => Err(format!(
                "`{text}` leads out of the project folder, or into `.vrsky`"
            )),
            Self::FilePath => Ok(()),
        }
    }

    /// How the form looks.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Duration => {
                "write a whole number and `ms`, `s`, `m`, `h` or `d`, such as `30s` or `7d`"
            }
            Self::Bytes => {
                "write a whole number, alone or with `k`, `Ki`, `M`, `Mi`, `G`, `Gi`, such as `512Ki`"
            }
            Self::Cpu => {
                "write a whole number of cores, or of thousandths with `m`, in quotes if without, such as `\"2\"` or `500m`"
            }
            Self::Timestamp => "write a time by RFC 3339, such as `2027-06-30T00:00:00Z`",
            Self::Cron => {
                "write five fields (minute, hour, day, month, weekday), or six with seconds first, such as `*/5 * * * *`"
            }
            Self::TimeZone => "write a name of the IANA database, such as `Europe/Berlin`",
            Self::Url => {
                "write an address such as `https://example.com/orders`; credentials go into `basic` or `bearer`"
            }
            Self::WebPath => {
                "write a path such as `/orders`: a `/`, then letters, digits, `-`, `_`, `.` and `/`"
            }
            Self::FilePath => {
                "write a path below the project folder, such as `out/orders.ndjson`, without `..`"
            }
        }
    }
}

/// Milliseconds of a duration such as `30s`.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    if digits == 0 || digits > 9 {
        return None;
    }
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(number * unit)
}

/// Bytes of a size such as `512Ki`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    if digits == 0 || digits > 12 {
        return None;
    }
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" => 1,
        "k" => 1_000,
        "Ki" => 1 << 10,
        "M" => 1_000_000,
        "Mi" => 1 << 20,
        "G" => 1_000_000_000,
        "Gi" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Thousandths of cores such as `500m` or `2`.
pub(crate) fn millicores(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix('m') {
        Some(digits) => (digits, 1),
        None => (text, 1_000),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.is_empty() || digits.len() > 9 {
        return None;
    }
    Some(digits.parse::<u64>().ok()? * factor)
}

/// A size or a number of cores as the API server writes it: with the largest unit, of the kind that
/// it has, that leaves a whole number. <https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity>
pub(crate) fn canonical(text: &str) -> String {
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [&str; 8] = ["m", "", "k", "M", "G", "T", "P", "E"];
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let Ok(mut number) = digits.parse::<u64>() else {
        return text.to_owned();
    };
    let (units, step): (&[&str], u64) = if BINARY.contains(&unit) {
        (&BINARY, 1_024)
    } else {
        (&DECIMAL, 1_000)
    };
    let Some(mut place) = units.iter().position(|it| *it == unit) else {
        return text.to_owned();
    };
    if number == 0 {
        return "0".to_owned();
    }
    while number % step == 0 && place + 1 < units.len() {
        number /= step;
        place += 1;
    }
    format!("{number}{}", units[place])
}

/// Whether a text can name a Secret or a key in one.
pub(crate) fn secret_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text != "."
        && text != ".."
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn cron(text: &str) -> Result<(), String> {
    let fields = text.split_whitespace().count();
    if !(5..=6).contains(&fields) {
        return Err(format!("{fields} fields where cron has five or six"));
    }
    croner::parser::CronParser::builder()
        .seconds(croner::parser::Seconds::Optional)
        .build()
        .parse(text)
        .map(drop)
        .map_err(|error| format!("not a cron expression: {error}"))
}

fn url(text: &str) -> Result<(), String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or_else(|| "the address does not start with `https://` or `http://`".to_owned())?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("the address holds credentials".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("the address has no host, or a port that is no number".to_owned());
    }
    if text
        .chars()
        .any(|character| character.is_whitespace() || character.is_control() || character == '"')
    {
        return Err("the address holds a space or a character that no address has".to_owned());
    }
    Ok(())
}

fn web_path(text: &str) -> Result<(), String> {
    let good = text.starts_with('/')
        && text.len() > 1
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
        && text[1..]
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
    if good {
        Ok(())
    } else {
        Err(format!("`{text}` is not a path"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, bytes, canonical, millicores, milliseconds};

    #[test]
    fn values_have_units() {
        assert_eq!(milliseconds("1500ms"), Some(1_500));
        assert_eq!(milliseconds("7d"), Some(604_800_000));
        assert_eq!(milliseconds("7"), None);
        assert_eq!(milliseconds("s"), None);
        assert_eq!(bytes("512Ki"), Some(524_288));
        assert_eq!(bytes("1GB"), None);
    }

    #[test]
    fn quantities_are_written_as_the_server_writes_them() {
        for (written, canonically) in [
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("2", "2"),
            ("4000", "4k"),
            ("007M", "7M"),
            ("0Ki", "0"),
            ("1000k", "1M"),
        ] {
            assert_eq!(canonical(written), canonically);
        }
        assert_eq!(millicores("2"), Some(2_000));
        assert_eq!(millicores("250m"), Some(250));
        assert_eq!(millicores("m"), None);
        assert_eq!(millicores("0.5"), None);
    }

    #[test]
    fn addresses_hold_no_credentials() {
        assert!(Format::Url.check("https://example.com:8443/a?b=c").is_ok());
        assert!(Format::Url.check("http://127.0.0.1:9000").is_ok());
        assert!(Format::Url.check("https://user:word@example.com").is_err());
        assert!(Format::Url.check("ftp://example.com").is_err());
        assert!(Format::Url.check("https://").is_err());
    }

    #[test]
    fn files_lie_in_the_project_folder() {
        assert!(Format::FilePath.check("out/orders.ndjson").is_ok());
        for path in ["", "/etc/passwd", "../orders", ".vrsky/secrets.yaml"] {
            assert!(Format::FilePath.check(path).is_err(), "{path}");
        }
    }

    #[test]
    fn cron_has_five_or_six_fields() {
        assert!(Format::Cron.check("*/5 * * * *").is_ok());
        assert!(Format::Cron.check("0 */5 * * * *").is_ok());
        assert!(Format::Cron.check("@hourly").is_err());
        assert!(Format::Cron.check("61 * * * *").is_err());
    }
}

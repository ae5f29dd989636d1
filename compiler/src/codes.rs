//! The registry of diagnostic codes and their pages.

use std::sync::LazyLock;

use crate::Code;
use crate::check::{
    expired_grant, missing_grant, quota, revoked_grant, unbound_namespace, unknown_connector,
    unknown_tenant, unknown_topic, unproven_edge,
};

/// The code of edges that are not proved: who shows edges marks them.
pub const UNPROVEN_EDGE: Code = unproven_edge::CODE;

/// What an error is about, and so who can mend it: whoever wrote the object, or somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The object's own text. Only an edit of it helps.
    Manifest,
    /// The namespace belongs to no tenant.
    Namespace,
    /// The grant was revoked.
    GrantRevoked,
    /// The grant has expired.
    GrantExpired,
    /// The tenant uses all that it may.
    Quota,
    /// What it names does not exist or is not permitted; which of the two is not told. It may come.
    Reference,
}

/// Each code with its page, sorted.
const PAGES: [(Code, &str); 54] = [
    (Code(1), include_str!("../../docs/codes/VRS0001.md")),
    (Code(2), include_str!("../../docs/codes/VRS0002.md")),
    (Code(3), include_str!("../../docs/codes/VRS0003.md")),
    (Code(4), include_str!("../../docs/codes/VRS0004.md")),
    (Code(5), include_str!("../../docs/codes/VRS0005.md")),
    (Code(101), include_str!("../../docs/codes/VRS0101.md")),
    (Code(102), include_str!("../../docs/codes/VRS0102.md")),
    (Code(103), include_str!("../../docs/codes/VRS0103.md")),
    (Code(104), include_str!("../../docs/codes/VRS0104.md")),
    (Code(105), include_str!("../../docs/codes/VRS0105.md")),
    (Code(106), include_str!("../../docs/codes/VRS0106.md")),
    (Code(107), include_str!("../../docs/codes/VRS0107.md")),
    (Code(108), include_str!("../../docs/codes/VRS0108.md")),
    (Code(109), include_str!("../../docs/codes/VRS0109.md")),
    (Code(201), include_str!("../../docs/codes/VRS0201.md")),
    (Code(202), include_str!("../../docs/codes/VRS0202.md")),
    (Code(203), include_str!("../../docs/codes/VRS0203.md")),
    (Code(204), include_str!("../../docs/codes/VRS0204.md")),
    (Code(205), include_str!("../../docs/codes/VRS0205.md")),
    (Code(206), include_str!("../../docs/codes/VRS0206.md")),
    (Code(207), include_str!("../../docs/codes/VRS0207.md")),
    (Code(208), include_str!("../../docs/codes/VRS0208.md")),
    (Code(209), include_str!("../../docs/codes/VRS0209.md")),
    (Code(210), include_str!("../../docs/codes/VRS0210.md")),
    (Code(211), include_str!("../../docs/codes/VRS0211.md")),
    (Code(212), include_str!("../../docs/codes/VRS0212.md")),
    (Code(213), include_str!("../../docs/codes/VRS0213.md")),
    (Code(214), include_str!("../../docs/codes/VRS0214.md")),
    (Code(301), include_str!("../../docs/codes/VRS0301.md")),
    (Code(302), include_str!("../../docs/codes/VRS0302.md")),
    (Code(303), include_str!("../../docs/codes/VRS0303.md")),
    (Code(304), include_str!("../../docs/codes/VRS0304.md")),
    (Code(311), include_str!("../../docs/codes/VRS0311.md")),
    (Code(312), include_str!("../../docs/codes/VRS0312.md")),
    (Code(313), include_str!("../../docs/codes/VRS0313.md")),
    (Code(401), include_str!("../../docs/codes/VRS0401.md")),
    (Code(402), include_str!("../../docs/codes/VRS0402.md")),
    (Code(403), include_str!("../../docs/codes/VRS0403.md")),
    (Code(404), include_str!("../../docs/codes/VRS0404.md")),
    (Code(405), include_str!("../../docs/codes/VRS0405.md")),
    (Code(501), include_str!("../../docs/codes/VRS0501.md")),
    (Code(502), include_str!("../../docs/codes/VRS0502.md")),
    (Code(503), include_str!("../../docs/codes/VRS0503.md")),
    (Code(504), include_str!("../../docs/codes/VRS0504.md")),
    (Code(505), include_str!("../../docs/codes/VRS0505.md")),
    (Code(506), include_str!("../../docs/codes/VRS0506.md")),
    (Code(507), include_str!("../../docs/codes/VRS0507.md")),
    (Code(508), include_str!("../../docs/codes/VRS0508.md")),
    (Code(601), include_str!("../../docs/codes/VRS0601.md")),
    (Code(602), include_str!("../../docs/codes/VRS0602.md")),
    (Code(603), include_str!("../../docs/codes/VRS0603.md")),
    (Code(604), include_str!("../../docs/codes/VRS0604.md")),
    (Code(605), include_str!("../../docs/codes/VRS0605.md")),
    (Code(606), include_str!("../../docs/codes/VRS0606.md")),
];

static TITLES: LazyLock<Vec<(Code, &'static str)>> = LazyLock::new(|| {
    PAGES
        .iter()
        .map(|(code, page)| {
            let title = page
                .lines()
                .next()
                .and_then(|line| line.split_once(": "))
                .map_or("", |(_, title)| title);
            (*code, title)
        })
        .collect()
});

/// All codes with their titles, sorted.
pub fn codes() -> &'static [(Code, &'static str)] {
    &TITLES
}

/// The page that explains a code, in Markdown.
pub fn page(code: Code) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, page)| *page)
}

/// What an error with this code is about.
pub fn cause(code: Code) -> Cause {
    match code {
        unbound_namespace::CODE => Cause::Namespace,
        revoked_grant::CODE => Cause::GrantRevoked,
        expired_grant::CODE => Cause::GrantExpired,
        quota::CODE => Cause::Quota,
        unknown_connector::CODE
        | unknown_topic::CODE
        | unknown_tenant::CODE
        | missing_grant::CODE => Cause::Reference,
        _ => Cause::Manifest,
    }
}

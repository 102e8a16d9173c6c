"""Finds credentials that show by their form: by the rules of Kingfisher, and some of which it wants more."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Final

from kingfisher_sdk import Rules, Scanner

from services.secrets.values import MASK, is_random

_LONGEST_SCAN: Final = 10.0
"""Seconds after which a scan gives up; all of a large call takes a few milliseconds."""

_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    # A key follows, perhaps behind headers; code that only names the marker goes on otherwise.
    r"(?=(?:\\{1,4}[nr]|[ \t]{0,9}\r?\n){1,4}"
    r"(?:[A-Za-z-]{1,30}: [^\n\\]{0,200}(?:\\{1,4}[nr]|\r?\n){1,4}){0,4}"
    r"[ \t]{0,40}[A-Za-z0-9+/=]{4}|[ \t][A-Za-z0-9+/=]{20})"
    r".*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_ENCODED_KEY_BLOCK: Final = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}")

# Each with a text that every one of them contains. Random values of these forms fail the checksums that
# Kingfisher computes or the entropy that it asks for; a secret that was mistyped or cut is one all the same.
_FORMS: Final = {
    "sk-": r"sk-[A-Za-z0-9_-]{16,}",
    "k_": r"[a-z]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    "gh": r"gh[oprsu]_[A-Za-z0-9]{20,}",
    "github_pat_": r"github_pat_[A-Za-z0-9_]{20,}",
    "gl": r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct|wt)-[A-Za-z0-9_.-]{16,}",
    "npm_": r"npm_[A-Za-z0-9]{30,}",
    "pypi-": r"pypi-[A-Za-z0-9_-]{30,}",
    "hf_": r"hf_[A-Za-z0-9]{20,}",
    "xox": r"xox[abceoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}",
    "xapp-": r"xapp-[A-Za-z0-9-]{10,}",
    "A": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])|ABSK[A-Za-z0-9+/=]{60,}|AKID[A-Za-z0-9]{28,}"
    r"|LTAI[A-Za-z0-9]{12,}|AIza[A-Za-z0-9_-]{30,}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,}",
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,}",
    "GOCSPX-": r"GOCSPX-[A-Za-z0-9_-]{20,}",
    "1//0": r"1//0[A-Za-z0-9_-]{30,}",
    "SG.": r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "do": r"do[opr]_v1_[a-f0-9]{40,}",
    "AGE-SECRET-KEY-": r"AGE-SECRET-KEY-[A-Z0-9]{20,}",
    "eyJ": r"(?<!-)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
    "SK": r"SK[0-9a-f]{32}(?![0-9a-f])",
    "key-": r"key-[0-9a-f]{32}(?![0-9a-f])",
    "-us": r"[0-9a-f]{32}-us\d{1,2}(?!\d)",
    "whsec_": r"whsec_[A-Za-z0-9+/=]{24,}",
    "NR": r"NR(?:AK|JS|II|AA|RA)-[A-Za-z0-9_-]{18,}",
    "sq0": r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",
    "EAAA": r"EAAA[A-Za-z0-9_-]{50,}",
    "hv": r"hv[sbr]\.[A-Za-z0-9_-]{20,}",
    "atlasv1": r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{50,}",
    "dapi": r"dapi[0-9a-f]{32}(?:-\d)?",
    "shp": r"shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}",
    "PMAK-": r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    "AT": r"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}",
    "dt0c01.": r"dt0[cs]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
    "CFPAT-": r"CFPAT-[A-Za-z0-9_-]{40,}",
    "FLWSECK": r"FLWSECK[-_][A-Za-z0-9_-]{16,}",
    "oy2": r"oy2[a-z0-9]{43}",
    "pat": r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
    "GOOG": r"GOOG[A-Z0-9]{16,}",
    "_gitlab_session": r"_gitlab_session=[a-f0-9]{32}",
    "AA": r"(?:bot)?\d{8,10}:AA[A-Za-z0-9_-]{32,34}(?![A-Za-z0-9_-])",
    ".": r"[MNO][A-Za-z\d]{23,27}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,40}",
    "cio": r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])",
}
_FORM: Final = re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(_FORMS.values())})")

SHORTEST: Final = 18
_LONG_WORD: Final = re.compile(rf"(?<![A-Za-z0-9_.~+/=:-])[A-Za-z0-9_.~+/=:-]{{{SHORTEST},}}")
_DIGIT: Final = re.compile("[0-9]")

_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9_./+=-])([A-Za-z][A-Za-z0-9]{1,11}(?:[-_.:][A-Za-z0-9]{1,10}){0,3}[-_.:])([A-Za-z0-9_~+/=-]{20,400})"
)
"""A prefix that says whose it is, and characters at random: the form that most services have chosen."""

_TELLING: Final = re.compile(
    r"\w*(?:key|tok|token|tkn|pat|secret|auth|api|live|prod|cred|private|priv|pw|pass|access|refresh|svc)$"
    r"|(?:sk|rk|cs|lin|dckr|ops|nfp|ctp|fo1|phc|phx|sbp|figd|pul|r8|gsk|xai|pplx|tvly|fc|dp|pscale|sntr[yu]s|gls?[ac]"
    r"|rubygems|bkua|bkct|ccipat|cciprj|ntn|ezak|eztk|shippo|hvs|u|pt)$"
)
_IDS: Final = re.compile(
    r"(?:toolu|srvtoolu|msg|req|call|chatcmpl|cmpl|resp|rs|fc|run|thread|asst|file|evt|cus|pi|ch|in|sub|prod|price"
    r"|si|acct|txn|card|src|pm|seti|org|proj|batch|item|step|vs|job|task|id|img|container|sha\d*|md5|blake\w*|integrity"
    r"|commit|rev|ref|tag|release|build|trace|span|session|arn|urn|uuid|node|page|obj|object|cache|bundle|chunk|index"
    r"|main|vendor|runtime|static|assets?|data|base64|class|css|test|std|lib|node|pkg|user|users|bot|apps?)[-_.:]",
    re.IGNORECASE,
)


@cache
def scanner() -> Scanner:
    """Kingfisher with all of its rules, which never checks a finding with the service; made once a process.

    It takes a quarter of a second from the cache of compiled rules, and four seconds the first time on a
    machine.
    """
    return Scanner(Rules(confidence="low"), base64=False)


def without_known_forms(texts: Sequence[str]) -> list[str]:
    """`texts` with each credential of a known form replaced by `[masked]`.

    One scan of them all tells which have any; each of those is then scanned by itself, so that what becomes
    of a text does not depend on its neighbours.
    """
    if not texts:
        return []
    texts = [_without_key_blocks(text) for text in texts]
    encoded = [text.encode(errors="surrogatepass") for text in texts]
    if len(texts) == 1:
        return [_without_forms(_without_found(texts[0], encoded[0]))]
    found = _found(b"\n".join(encoded))
    if found:
        starts = [*accumulate((len(part) + 1 for part in encoded), initial=0)]
        hit = {bisect_right(starts, place) - 1 for span in found for place in (span[0], span[1] - 1)}
        for at in hit:
            texts[at] = _without_found(texts[at], encoded[at])
    return [_without_forms(text) for text in texts]


def _found(encoded: bytes) -> list[tuple[int, int]]:
    """The ranges that Kingfisher finds, as first and last offset in bytes."""
    if len(encoded) < SHORTEST:
        return []
    found = scanner().scan(encoded, timeout=_LONGEST_SCAN)
    return [
        (place["start_offset"], place["end_offset"])
        for finding in found
        if finding.visible
        for place in (finding.location,)
    ]


def _without_found(text: str, encoded: bytes) -> str:
    pieces = []
    position = 0
    for start, end in sorted(_found(encoded)):
        if end <= position:
            continue
        pieces += [encoded[position : max(start, position)], MASK.encode() if start >= position else b""]
        position = end
    if not pieces:
        return text
    return b"".join([*pieces, encoded[position:]]).decode(errors="replace")


def _without_key_blocks(text: str) -> str:
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(MASK, text)
    return _ENCODED_KEY_BLOCK.sub(MASK, text) if "LS0tLS1CRUdJTi" in text else text


def _without_forms(text: str) -> str:
    """`text` without the forms of `_FORMS` and `_PREFIXED`; few words are long enough to be one."""
    return _LONG_WORD.sub(_long_word, text) if len(text) >= SHORTEST else text


def _long_word(found: re.Match[str]) -> str:
    word = found[0]
    if _DIGIT.search(word) is None:
        return word
    return _PREFIXED.sub(_prefixed, _FORM.sub(_form, word))


def _form(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("sk-") and not any(character.isdigit() for character in text):
        return text  # a class of a style sheet
    return MASK


def _prefixed(found: re.Match[str]) -> str:
    """The text that `_PREFIXED` found, masked where its prefix tells of a secret, or it is very long."""
    prefix, rest = found.groups()
    lowered = prefix.lower()
    if _IDS.match(lowered):
        return found[0]
    telling = any(_TELLING.match(part) for part in re.split(r"[-_.:]", lowered) if part)
    if not telling and (len(rest) < 32 or prefix[-1] not in "_-"):
        return found[0]
    if not is_random(rest, 20) or not _is_mixed(rest, needs_case=not telling):
        return found[0]
    return MASK


def _is_mixed(text: str, *, needs_case: bool) -> bool:
    """True if digits and letters are mixed, in both cases where only that tells a key from a hash."""
    digits = sum(character.isdigit() for character in text)
    if not needs_case:
        return digits > 0
    return digits * 14 >= len(text) and not text.islower() and not text.isupper()

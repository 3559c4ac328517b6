"""Plain numbers: one grammar of our own decides what is one, and what only holds one.

A line is a plain number where one number literal stands in it, and nothing around it changes its
value: words before it, a unit or words behind it. `not 42`, `5!`, `2x`, `less than 5`, `3 or 4` and
`4 dozen` hold a number and are none.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from fusion_eval.answers.latex import unwrapped, with_fractions
from fusion_eval.answers.typography import straight

_LONGEST = 2000  # characters of a line, and
_DIGITS = 1000  # of a literal
_EXPONENT = 300

_CURRENCY = r"(?:US\$|USD|EUR|GBP|CHF|JPY|INR|CNY|Rs\.?|[€£¥₹₽₩$])"
_GROUPED = (
    r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d{1,3}(?:\ \d{3})+|\d{1,3}(?:'\d{3})+"
    r"|\d{1,3}(?:_\d{3})+|\d+)(?![\d_])"
)
_EUROPEAN = (
    r"(?:\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:[\ ']\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,})(?![.,]?\d)"
)
_DECIMAL = rf"(?:{_EUROPEAN}|{_GROUPED}(?:\.\d+)?(?!\d)|\.\d+)"
_SMALL = r"\d{1,9}"


def _power(name: str) -> str:
    return (
        rf"\^\s?(?:\{{\s?(?P<{name}>[-+]?\d{{1,4}})\s?\}}|\((?P<{name}_>[-+]?\d{{1,4}})\)"
        rf"|(?P<{name}__>[-+]?\d{{1,4}}))"
    )


_LITERAL = re.compile(
    rf"""(?<![\w.^])
    (?P<sign>[-+]\s{{0,2}})? (?:{_CURRENCY}\s?)? (?P<sign2>[-+]\s?)?
    (?:
      (?P<whole>{_SMALL})\s\(?(?P<over>{_SMALL})\)?\s?/\s?\(?(?P<under>{_SMALL})\)?(?![\d./])
    | \(?(?P<sign3>-)?(?P<top>{_DECIMAL})\)?\s?/\s?\(?(?P<sign4>-)?(?P<bottom>{_DECIMAL})\)?(?!/)
    | (?P<base>{_DECIMAL})
      (?: \s?[×x*·]\s?10\s?{_power("ten")} | \s?{_power("power")} | [eE](?P<e>[-+]?\d{{1,5}}) )?
    )""",
    re.VERBOSE,
)

_SUPERS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_SUPER = {ord(c): str(i) for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {ord("⁻"): "-", ord("⁺"): "+"}
_PARTS = re.compile("[¼-¾⅐-⅞]")

_ALPHA = r"[A-Za-zµμΩÅå]"
_UNIT = re.compile(
    rf"\s?[%‰°'\"]?\s?(?:{_ALPHA}+°?(?:\^?\{{?-?\d\}}?(?!\d))?"
    rf"(?:\s?[/·×]\s?{_ALPHA}+(?:\^?\{{?-?\d\}}?(?!\d))?){{0,4}})?"
)
_GLUED = re.compile(
    r"""(?x)(?: [kcmn]?m | [km]?g | m?s | [mcd]?[lL] | [km]?W | MW | m?[VA] | [kMG]?Hz | k?[JN]
    | k?Pa | k?cal | lbs? | oz | sec | min | hrs? | h | bar | mi | ft | in | yd | mph | k[mp]h | mol
    | [kKMGT]B | px | rpm | dB | eV | [CF] | st | nd | rd | th | [ap]m | [AP]M | pp | pct | cents
    | USD | EUR | GBP | usd | eur )"""
)
"""Units that may follow a number without a space: `5kg` has one, `5x` and `5k` do not."""
_LETTER_UNITS = frozenset("mgshlLWVNJAKCFTd")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_CHANGES = re.compile(
    r"""(?ix) \b(?: not | isn't | no | nor | never | neither | n?either | or | unless | except
    | without | than | less | fewer | under | over | above | below | beyond | between | within
    | from | at\ least | at\ most | up\ to | maximum | minimum | almost | nearly | hundreds?
    | thousands? | millions? | billions? | trillions? | lakhs? | crores? | dozens? | scores?
    | gross | mn | bn | mio | mrd | k | half | halves | quarter | twice | double | triple | thrice
    | squared | cubed | times | factorial | power | mod | modulo | sqrt | root | log | ln | exp
    | sin | cos | tan | pi | plus | minus | negative | multiplied | divided | exceeds? | unknown
    | undefined | infinity | inf | nan )\b
    | [√∛∞π<>≤≥≠±!^*+=|∑∫÷×] | \.\. | …"""
)
_NUMBER_WORDS = re.compile(
    r"(?i)\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,5}teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b"
)
_NEGATIVE = re.compile(r"(?i)\b(?:minus|negative)\s*$")
_SAYS = re.compile(r"(?i)(?:[=:≈]|\b(?:is|was|be|are|equals))\s*$")
_ARITHMETIC = re.compile(r"[\d\s.,+\-*/×÷^()$%]+")
_WORDS_ONLY = re.compile(r"[^\d,;<>≠]*")
_SENTENCE = re.compile(r"[.!?;](?=\s+[A-Z(\"'*])")
_REMARK = re.compile(r"\s\(([^()]*)\)")


def number(line: str) -> str | None:
    """The number that a line consists of, as a fraction in lowest terms: `3/4`, `-42`.

    Signs in every dash, currency, thousands in every convention, fractions, `1½`, `a × 10^n`,
    per cent and units (kept apart from the value: `10 %` is 10), simple LaTeX. None where there is
    no number, or more than one, or something that changes its value.
    """
    plain = _plain(line)
    if plain is None:
        return None
    value = _value(_right_side(_SENTENCE.split(plain, maxsplit=1)[0]))
    if value is None or max(map(int.bit_length, value.as_integer_ratio())) > 4 * _DIGITS:
        return None
    return str(value)


def _plain(line: str) -> str | None:
    """The line with ASCII digits and straight signs; None if it is too long, or LaTeX computes."""
    line = " ".join(line[: 2 * _LONGEST].split())
    if not line or len(line) > _LONGEST:
        return None
    line = _SUPERS.sub(lambda m: f"^{m.group().translate(_SUPER)}", line)
    line = _PARTS.sub(lambda m: f" {_as_fraction(m.group())}", line)
    plain = with_fractions(unwrapped(straight(line)))
    if plain is None:
        return None
    digits = (str(unicodedata.digit(c)) if c.isdecimal() and not c.isascii() else c for c in plain)
    plain = re.sub(r"\*\*|__|`", "", "".join(digits).translate({0x2044: "/", 0x2215: "/"}))
    return " ".join(plain.split())


def _as_fraction(sign: str) -> str:
    """`½` as `1/2`."""
    value = Fraction(unicodedata.numeric(sign)).limit_denominator(10)
    return f"{value.numerator}/{value.denominator}"


def _right_side(line: str) -> str | None:
    """What stands behind the last equals sign, where nothing before it is another answer.

    Before `≈`, a plain number is exact and counts.
    """
    *left, right = re.split(r"[=≈]", line)
    if not all(_ARITHMETIC.fullmatch(side) or _WORDS_ONLY.fullmatch(side) for side in left):
        return None
    if len(left) > 1 and line[-len(right) - 1] == "≈" and _value(left[-1]) is not None:
        return left[-1]
    return right


def _value(line: str | None) -> Fraction | None:
    """The value of a line with one literal."""
    line = _unbracketed(line or "")
    literal = _LITERAL.search(line)
    if literal is None:
        return None
    sign = _sign(line[: literal.start()], literal)
    scale, tail = _scale(line[literal.end() :])
    if sign is None or not _keeps_value(tail):
        return None
    try:
        return sign * _magnitude(literal) * Fraction(10**scale)
    except (ValueError, ZeroDivisionError):
        return None


def _unbracketed(line: str) -> str:
    """`(3)`, `[3]` and `"3".` as `3`."""
    line = line.strip(" *_:~≈")
    if line.endswith(".") and not line.endswith(".."):
        line = line[:-1].rstrip(" *_")
    for _ in range(4):
        if line[:1] + line[-1:] not in ("()", "[]", "{}", "<>", '""', "''") or len(line) < 3:
            break
        if any(sign in line[1:-1] for sign in "()[]{}"):
            break
        line = line[1:-1].strip()
    return line


def _sign(lead: str, literal: re.Match[str]) -> int | None:
    """1 or -1; None where what stands before a number changes it, or a dash is no sign."""
    dashes = [dash for dash in (literal["sign"], literal["sign2"]) if dash]
    if len(dashes) > 1 or re.search(r"\d|[\w(][-+*/(]$|[-+*/^,]$", lead.rstrip()):
        return None
    sign = -1 if dashes and dashes[0].startswith("-") else 1
    if negative := _NEGATIVE.search(lead):
        if dashes:
            return None
        lead, sign = lead[: negative.start()], -1
    lead = lead.rstrip()
    if dashes and lead and not _SAYS.search(lead):
        apart = dashes[0] != dashes[0].rstrip()  # `apples - 3`
        if apart or len(lead.split()[-1].strip("\"'(")) == 1:  # `x -3`
            return None
    return None if _CHANGES.search(lead) or _NUMBER_WORDS.search(lead) else sign


def _scale(tail: str) -> tuple[int, str]:
    """The power of ten of a word such as `million` behind a number, and what follows it."""
    word = re.match(r"\s?-?([A-Za-z]+?)s?\b", tail)
    if word is None or word[1].lower() not in _SCALES:
        return 0, tail
    return _SCALES[word[1].lower()], tail[word.end() :]


def _keeps_value(tail: str) -> bool:
    """Whether what follows a number leaves it as it is: a unit, words, a remark in brackets."""
    if remark := _REMARK.search(tail):
        if _CHANGES.search(re.sub(r"[=×*+≈]", " ", remark[1])):
            return False
        tail = f"{tail[: remark.start()]} {tail[remark.end() :]}"
    glued = re.match(rf"{_ALPHA}+", tail)
    if glued and not _GLUED.fullmatch(glued.group()):
        return False  # `2x`, `3k`
    letter = re.match(r"\s([A-Za-z])(?:\s*$|[.,;)^/*])", tail)
    if letter and letter[1] not in _LETTER_UNITS:
        return False  # `2 x`
    if re.match(r"[:(_]|\s?-(?!\s?[A-Za-z]{2})|\s?/|\s?,\s?\d", tail):
        return False  # a ratio, a date, a range, a product, a list
    unit = _UNIT.match(tail)
    end = unit.end() if unit else 0
    rest = f"{re.sub(r'[^A-Za-z ]', ' ', tail[:end])}{tail[end:]}"
    return not re.search(r"\d", rest) and not _CHANGES.search(rest)


def _magnitude(literal: re.Match[str]) -> Fraction:
    """The value without its sign; ValueError for what is no plain number."""
    if literal["over"]:
        part = Fraction(int(literal["over"]), int(literal["under"]))
        if part >= 1:
            raise ValueError(literal.group())
        return int(literal["whole"]) + part
    if literal["top"]:
        negative = (literal["sign3"] or "") + (literal["sign4"] or "") == "-"
        value = _decimal(literal["top"]) / _decimal(literal["bottom"])
        return -value if negative else value
    base = _decimal(literal["base"])
    if (ten := _named(literal, "ten") or literal["e"]) is not None:
        return base * Fraction(10) ** _exponent(ten)
    if (power := _named(literal, "power")) is not None:
        if base.denominator != 1 or base > 1000:
            raise ValueError(literal.group())
        return base ** _exponent(power)
    return base


def _named(literal: re.Match[str], name: str) -> str | None:
    return literal[name] or literal[f"{name}_"] or literal[f"{name}__"]


def _exponent(digits: str) -> int:
    """Refuse exponents that would fill the memory."""
    if abs(int(digits)) > _EXPONENT:
        raise ValueError(digits)
    return int(digits)


def _decimal(digits: str) -> Fraction:
    """`1,234.5`, `1.234,5`, `1 234` and `1'234` as what they say."""
    if len(digits) > _DIGITS:
        raise ValueError("too long")
    if re.fullmatch(_EUROPEAN, digits):
        digits = digits.replace(".", "").replace(",", ".")
    plain = re.sub(r"[ ,'_]", "", digits)
    return Fraction(f"0{plain}" if plain.startswith(".") else plain)

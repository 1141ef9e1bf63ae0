"""Peru: what is code and not data. The tax id is the RUC of SUNAT: 11 digits, of which the last checks the others."""

from __future__ import annotations

from stdnum.pe import ruc
from stdnum.util import clean, isdigits

LENGTH = 11
DNI_LENGTH = 8
PREFIXES = ("10", "15", "16", "17", "20")  # 16 is not in the library's list, and some validators accept it


def normal_tax_id(text: str) -> str:
    """The RUC's eleven digits; spaces, dots and hyphens between them do not count. Raises ValueError saying what to change."""
    number = clean(text, " .-").strip()
    if not isdigits(number):
        raise ValueError("a RUC has digits only: leave out everything else")
    if len(number) == DNI_LENGTH:
        raise ValueError("8 digits are a DNI: the RUC of a person is 10, the DNI, and one more digit, 11 in all")
    if len(number) != LENGTH:
        raise ValueError(f"a RUC has 11 digits, and this has {len(number)}: is one missing, or one too many?")
    if not number.startswith(PREFIXES):
        raise ValueError(f"a RUC begins with {', '.join(PREFIXES[:-1])} or {PREFIXES[-1]}, and this with {number[:2]}")
    if ruc.calc_check_digit(number) != number[-1]:
        raise ValueError("the last digit of this RUC does not fit the others: is a digit wrong, or are two swapped?")
    return number

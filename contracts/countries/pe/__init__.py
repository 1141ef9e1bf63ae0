"""Peru: what is code and not data. The tax id is the RUC of SUNAT."""

from __future__ import annotations

from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError
from stdnum.pe import ruc

SUCCESSORS_PREFIX = "16"  # SUNAT's own, left out of the library's list


def normal_tax_id(text: str) -> str:
    """The RUC's eleven digits. Raises ValueError saying what is wrong with it."""
    number: str = ruc.compact(text)
    checked = "15" + number[2:] if number.startswith(SUCCESSORS_PREFIX) else number
    try:
        if not number.isascii() or not number.isdigit():
            raise InvalidFormat
        if checked == number:
            ruc.validate(number)
        elif len(number) != len("20512333797") or ruc.calc_check_digit(number) != number[-1]:
            raise InvalidChecksum
    except InvalidLength:
        raise ValueError(f"a RUC has 11 digits, and this has {len(number)}") from None
    except InvalidFormat:
        raise ValueError("a RUC has digits only, such as 20512333797") from None
    except InvalidChecksum:
        raise ValueError("the last digit of this RUC does not fit the others: is a digit wrong, or are two swapped?") from None
    except ValidationError:
        raise ValueError("a RUC begins with 10, 15, 16, 17 or 20") from None
    return number

"""What must hold of a catalogue beyond the form of its files; each fault says what to change.

Load-bearing: hazard is compared with the official lists here, because the regime of every offer rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from contracts.catalogue.codes import FORMS, KINDS, LABELS, CodeBook, CodeList, is_hazard_code
from contracts.catalogue.entry import WrittenFamily, WrittenMaterial
from contracts.catalogue.freight import HalfDistanceRule
from contracts.catalogue.words import plain_word
from contracts.topics import STANDING_PARTITIONS

LIGHTEST, HEAVIEST = 5, 25_000  # kg/m3


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file; material is None where it concerns the file as a whole."""

    file: str
    material: str | None
    change: str

    def __str__(self) -> str:
        return f"{self.file}: {self.material}: {self.change}" if self.material else f"{self.file}: {self.change}"


@dataclass(frozen=True)
class Written:
    """A material as written, with the file and the family that it was found in."""

    file: str
    family: str
    material: WrittenMaterial

    def fault(self, change: str) -> Fault:
        return Fault(self.file, self.material.code, change)


def faults_among(written: Sequence[Written], unread: Set[str], book: CodeBook, rule: HalfDistanceRule) -> list[Fault]:
    """Everything that is wrong with materials which have the right form. unread: families whose file has not."""
    alone: tuple[Callable[[WrittenMaterial], Iterable[str]], ...] = (
        lambda material: unknown_codes(material, book),
        disputed_hazard,
        lambda material: unexplained_distance(material, rule),
        implausible,
    )
    faults = [one.fault(change) for one in written for check in alone for change in check(one.material)]
    for check_all in (misplaced, repeated, shared_words):
        faults += check_all(written)
    return [*faults, *dead_kin(written, unread)]


def unknown_codes(material: WrittenMaterial, book: CodeBook) -> Iterator[str]:
    """Codes that stand in no list, and codes cited twice."""
    for kind in KINDS:
        for code, count in Counter(material.cited()[kind]).items():
            if book.list_of(kind, code) is None:
                yield f"{LABELS[kind]} code {code!r} is in no list under codes/: correct it, or add it to the list with its title"
            if count > 1:
                yield f"{LABELS[kind]} code {code!r} is cited twice: remove one"


def disputed_hazard(material: WrittenMaterial) -> Iterator[str]:
    """Hazardous if and only if the lists say so, and the lists agree with each other."""
    marked = {kind: [code for code in material.cited()[kind] if is_hazard_code(kind, code)] for kind in KINDS}
    if material.hazardous:
        for kind in ("basel", "ewc"):
            if material.cited()[kind] and not marked[kind]:
                yield f"it is hazardous, but none of its {LABELS[kind]} codes is: set hazardous = false, or cite the hazardous code"
        if not any(marked.values()):
            yield "it is hazardous, but cites no hazardous code: name the entry of list A or the starred EWC code"
    else:
        for kind, codes in marked.items():
            if codes:
                yield f"{LABELS[kind]} code {codes[0]} is for hazardous waste: set hazardous = true, or cite another code"


def unexplained_distance(material: WrittenMaterial, rule: HalfDistanceRule) -> Iterator[str]:
    """A half distance that is not the rule's has a reason; without a price there is no rule."""
    stated, price = material.half_distance_km, material.reference_price
    if stated is None:
        if price is None:
            yield "it has neither reference_price nor half_distance_km: state one (the distance with half_distance_reason)"
        if material.half_distance_reason:
            yield "half_distance_reason explains a half_distance_km that is not there: state it, or remove the reason"
        return
    if not rule.least_km <= stated <= rule.most_km:
        yield f"half_distance_km is {stated}: it must lie between {rule.least_km} and {rule.most_km}"
    expected = price and rule.half_distance_km(price.amount)
    if stated != expected and not material.half_distance_reason:
        yield f"half_distance_km is {stated}, by its price it is {expected}: leave it out, or say why in half_distance_reason"


def malformed(listed: CodeList) -> Iterator[str]:
    """Codes are written in one way, because the star of an EWC code and the letter of a Basel code are what hazard is read from."""
    form, example = FORMS[listed.kind]
    for code in listed.codes:
        if not form.fullmatch(code):
            yield f"{code!r} is not how {LABELS[listed.kind]} codes are written: write it like {example!r}"
        elif f"{code}*" in listed.codes:
            yield f"{code!r} is there with and without its star: remove one of the two"


def unplaced(families: Sequence[WrittenFamily]) -> Iterator[str]:
    """A family is there once, and has a partition of its own."""
    for code, count in Counter(family.code for family in families).items():
        if count > 1:
            yield f"family {code!r} is there {count} times: remove all but one"
    owner: dict[int, str] = {}
    free = max(set(range(STANDING_PARTITIONS)) - {family.matched_on for family in families}, default=None)
    for family in families:
        if family.matched_on is None:
            yield f"family {family.code!r} is none of those that are shipped: give it a partition = {free}, and never change it"
        elif owner.setdefault(family.matched_on, family.code) != family.code:
            yield f"families {owner[family.matched_on]!r} and {family.code!r} share a partition: give the newer one {free}, which is free"


def implausible(material: WrittenMaterial) -> Iterator[str]:
    """The mistake that is made most: tonnes where kilograms are meant."""
    density = material.density_kg_m3
    if density is not None and not LIGHTEST < density < HEAVIEST:
        yield f"density_kg_m3 is {density}: kilograms per cubic metre lie between {LIGHTEST} (loose foam) and {HEAVIEST} (metal)"


def misplaced(written: Sequence[Written]) -> Iterator[Fault]:
    """A code begins with the family of its file."""
    for one in written:
        if one.material.code.split(".")[0] != one.family:
            yield one.fault(f"its code does not begin with {one.family!r}: move it to the file of its family, or correct the code")


def repeated(written: Sequence[Written]) -> Iterator[Fault]:
    """A code is one material's."""
    first: dict[str, Written] = {}
    for one in written:
        if first.setdefault(one.material.code, one) is not one:
            yield one.fault(f"it is already in {first[one.material.code].file}: remove one of the two")


def dead_kin(written: Sequence[Written], unread: Set[str]) -> Iterator[Fault]:
    """Kinship leads to another material of the catalogue; into a file that could not be read, nobody knows."""
    codes = {one.material.code for one in written}
    for one in written:
        for code in one.material.kin:
            if code == one.material.code:
                yield one.fault("it lists itself as kin: remove that entry")
            elif code not in codes and code.split(".")[0] not in unread:
                yield one.fault(f"its kin {code!r} does not exist: correct the code, or remove the entry")


def shared_words(written: Sequence[Written]) -> Iterator[Fault]:
    """A name or synonym means one material, whatever the language, accents and case."""
    owner: dict[str, str] = {}
    for one in written:
        names, synonyms = one.material.names, one.material.synonyms
        for word in dict.fromkeys((names.es, names.en, *synonyms.es, *synonyms.en)):
            other = owner.setdefault(plain_word(word), one.material.code)
            if other != one.material.code:
                yield one.fault(f"{word!r} is already said of {other}: keep it with the one that people mean by it")

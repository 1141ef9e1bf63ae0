"""One example of every event, as it stands in the published contract: the cutting room of a firm in Gamarra and a sewing cooperative in
Villa El Salvador. All of it is invented; the score is what matching.md makes of it.
"""

from __future__ import annotations

from typing import Any

from contracts.envelope import Event
from contracts.listings import DealEvent, DealFact, OfferEvent, OfferFact, WantEvent, WantFact
from contracts.matching import MatchEvent, MatchFact

OFFER_ID, WANT_ID, DEAL_ID = (f"019abc00-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
HOLDER_ID, SEEKER_ID = (f"019abc00-0000-7000-8000-0000000000f{number}" for number in (1, 2))
MATERIAL = "textile.cotton_offcuts"
MORNING, NOON, MONTH_END = "2026-11-24T13:00:00Z", "2026-11-24T17:00:00Z", "2026-12-24T13:00:00Z"

OFFER: dict[str, Any] = {
    "id": OFFER_ID,
    "organisation_id": HOLDER_ID,
    "place": {"department": "Lima", "district": "La Victoria", "latitude": -12.07, "longitude": -77.01},
    "title": "Retazos de algodón, jersey 30/1",
    "description": "Recorte de corte, sin aceite, en sacos.",
    "rhythm": "recurring",
    "version": 2,
    "published_at": MORNING,
    "created_at": MORNING,
    "updated_at": MORNING,
    "material": MATERIAL,
    "quantity": {"amount": "1200", "unit": "kg"},
    "available": {"amount": "1200", "unit": "kg"},
    "divisible": True,
    "minimum_lot": {"amount": "100", "unit": "kg"},
    "price": {"amount": "900", "currency": "PEN", "per": "t"},
    "grade": "A",
    "available_from": MORNING,
    "available_until": None,
    "fresh_until": None,
    "lapsed_to_waste": False,
    "facts": {
        "own_process_by_product": True,
        "directly_usable": True,
        "post_consumer": False,
        "same_process": False,
        "ancillary_activity": False,
        "mixed_with_hazardous": False,
    },
    "facts_presumed": ["same_process"],
    "regime": {
        "slug": "descarte",
        "rule": "Material de descarte: sale del propio proceso y se usa directamente en otro",
        "source": "DL 1278 art. 9, modificado por Ley 32212; DS 014-2017-MINAM arts. 4-6 (comunicación previa 5.1, declaración anual 5.5)",
    },
    "state": "published",
    "holder": {"kind": "firm", "licences": []},
    "catalogue_version": 1,
}
WANT: dict[str, Any] = {
    "id": WANT_ID,
    "organisation_id": SEEKER_ID,
    "place": {"department": "Lima", "district": "Villa El Salvador", "latitude": -12.21, "longitude": -76.94},
    "title": "Buscamos retazos de algodón para trapo industrial",
    "description": "",
    "rhythm": "recurring",
    "version": 2,
    "published_at": MORNING,
    "created_at": MORNING,
    "updated_at": MORNING,
    "accepts": [{"material": MATERIAL, "weight": 1.0}],
    "minimum": {"amount": "300", "unit": "kg"},
    "maximum": {"amount": "2000", "unit": "kg"},
    "agreed": {"amount": "0", "unit": "kg"},
    "accept_partial": False,
    "radius_km": 60.0,
    "max_price": {"amount": "1200", "currency": "PEN", "per": "t"},
    "min_grade": "B",
    "needed_from": MORNING,
    "needed_until": MONTH_END,
    "state": "published",
    "holder": {
        "kind": "cooperative",
        "licences": [{"kind": "recycler_register", "valid_until": "2027-06-30", "evidence": "declared"}],
    },
    "catalogue_version": 1,
}
MATCH: dict[str, Any] = {
    "id": f"{OFFER_ID}.{WANT_ID}",
    "offer_id": OFFER_ID,
    "want_id": WANT_ID,
    "material": MATERIAL,
    "score": 0.9666744584207652,
    "score_version": 1,
    "factors": {"material": 1.0, "quantity": 0.7745966692414834, "distance": 0.9787433060627855, "price": 1.0, "quality": 0.95},
    "weights": {"material": 0.4, "quantity": 0.1, "distance": 0.15, "price": 0.25, "quality": 0.1},
    "distance_km": 17.327635760973376,
    "quantity_kg": 1200.0,
    "state": "proposed",
    "accepted_by": [],
    "blocked_by": [],
    "evidence": None,
    "offer_version": 2,
    "want_version": 2,
    "deal_id": None,
    "told": [HOLDER_ID, SEEKER_ID],
    "parties": [HOLDER_ID, SEEKER_ID],
    "cause": {"listing_id": OFFER_ID, "version": 2, "partition": 0, "count": 1},
}
DEAL: dict[str, Any] = {
    "id": DEAL_ID,
    "offer_id": OFFER_ID,
    "want_id": WANT_ID,
    "state": "agreed",
    "quantity_kg": "800",
    "accepted_by": [HOLDER_ID, SEEKER_ID],
    "reason": None,
    "version": 2,
    "created_at": NOON,
    "updated_at": NOON,
    "material": MATERIAL,
    "parties": [HOLDER_ID, SEEKER_ID],
    "answered_by": HOLDER_ID,
    "had_accepted": [],
}
ENDED = {"amount": "0", "unit": "kg"}
OF_TYPE: dict[str, dict[str, Any]] = {  # what differs from the example of the class
    "pe.ayni.offer.changed.v1": {"version": 3, "price": {"amount": "850", "currency": "PEN", "per": "t"}, "updated_at": NOON},
    "pe.ayni.offer.withdrawn.v1": {"version": 3, "state": "withdrawn", "updated_at": NOON},
    "pe.ayni.offer.lapsed.v1": {"version": 3, "state": "lapsed", "available_until": NOON, "updated_at": NOON},
    "pe.ayni.offer.exhausted.v1": {"version": 3, "state": "exhausted", "available": ENDED, "updated_at": NOON},
    "pe.ayni.offer.lapsed_to_waste.v1": {
        "version": 3,
        "title": "Cabezas y espinazos de perico",
        "material": "fish.fish_heads_frames",
        "rhythm": "one_off",
        "lapsed_to_waste": True,
        "regime": {
            "slug": "residuo_no_peligroso",
            "rule": "Residuo no peligroso",
            "source": "DS 014-2017-MINAM art. 75, Anexo V (Lista B); Ley 32212 arts. 37-38 (declaración anual)",
        },
        "updated_at": NOON,
    },
    "pe.ayni.want.changed.v1": {"version": 3, "agreed": {"amount": "800", "unit": "kg"}, "updated_at": NOON},
    "pe.ayni.want.withdrawn.v1": {"version": 3, "state": "withdrawn", "updated_at": NOON},
    "pe.ayni.want.lapsed.v1": {"version": 3, "state": "lapsed", "needed_until": NOON, "updated_at": NOON},
    "pe.ayni.want.satisfied.v1": {"version": 3, "state": "satisfied", "agreed": {"amount": "2000", "unit": "kg"}, "updated_at": NOON},
    "pe.ayni.match.lapsed.v1": {"state": "lapsed", "cause": None},
    "pe.ayni.deal.offered.v1": {"state": "offered", "version": 1, "accepted_by": [SEEKER_ID], "answered_by": SEEKER_ID},
    "pe.ayni.deal.declined.v1": {
        "state": "declined",
        "quantity_kg": None,
        "accepted_by": [],
        "reason": "Ya tenemos proveedor",
        "had_accepted": [SEEKER_ID],
    },
    "pe.ayni.deal.voided.v1": {"state": "open", "quantity_kg": None, "accepted_by": [], "answered_by": None, "had_accepted": [SEEKER_ID]},
    "pe.ayni.deal.released.v1": {"state": "released", "version": 3, "reason": "El lote se mojó"},
}


def example_of(event: type[Event]) -> dict[str, Any]:
    """The data of an event of this type, as it is written on the wire."""
    examples: dict[type[Event], tuple[type[Any], dict[str, Any]]] = {
        OfferEvent: (OfferFact, OFFER),
        WantEvent: (WantFact, WANT),
        MatchEvent: (MatchFact, MATCH),
        DealEvent: (DealFact, DEAL),
    }
    fact, example = next(one for kind, one in examples.items() if issubclass(event, kind))
    told: dict[str, Any] = fact.model_validate(example | OF_TYPE.get(event.TYPE, {})).model_dump(mode="json")
    return told

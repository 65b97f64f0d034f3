"""Countries as taxes see them (pure)."""

from __future__ import annotations

from typing import Final

from billing.tax.facts import Classification, Place

# fmt: off
EU: Final = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on
NORTHERN_IRELAND: Final = "XI"
_LETTERS: Final = 2  # of a country
# Territories that belong to another country's VAT, and other ways to write a country.
_TAXED_AS: Final = {"EL": "GR", "UK": "GB", "MC": "FR", "IM": "GB"}
# In the VAT of nobody in the EU, whatever the country of their address says.
_OUTSIDE_THE_EU: Final = frozenset({"ES-CN", "ES-GC", "ES-TF", "ES-CE", "ES-ML", "FI-01", "GR-69"})
_REGIONS_OF_NORTHERN_IRELAND: Final = frozenset({"NIR", "NI"})


def normal(country: str, region: str = "") -> Place:
    """
    Return a place by the country and region of an address, however they are written.

    >>> normal(" el"), normal("US", "us-ca"), normal("XI"), normal("Germany")
    (Place(country='GR', region=''), Place(country='US', region='CA'),
     Place(country='GB', region='NIR'), Place(country='', region=''))
    """
    code = country.strip().upper()
    if len(code) != _LETTERS or not (code.isascii() and code.isalpha()):
        return Place("")  # not known
    area = region.strip().upper().replace(" ", "-")
    if code == NORTHERN_IRELAND:
        return Place("GB", "NIR")
    return Place(_TAXED_AS.get(code, code), area.removeprefix(f"{code}-"))


def in_the_eu(place: Place, classification: str) -> bool:
    """
    Tell whether a supply at a place falls under the VAT of the EU.

    >>> [in_the_eu(normal(*at), "goods") for at in (("DE",), ("ES", "CN"), ("XI",), ("GB",))]
    [True, False, True, False]
    >>> in_the_eu(normal("XI"), "digital")
    False
    """
    if place.country == "GB":
        is_northern = place.region.split("-")[0] in _REGIONS_OF_NORTHERN_IRELAND
        return is_northern and classification == Classification.GOODS
    return place.country in EU and not any(
        jurisdiction in _OUTSIDE_THE_EU for jurisdiction in place.jurisdictions
    )

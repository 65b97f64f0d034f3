"""A gateway in front of a service: it asks us about each call, in one of the shapes we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from django.test import Client

from billing import catalogue
from billing.entitlements import giving, rights, sale
from billing.models import Feature
from ledger.models import Customer
from tests.api import Api
from tests.billing import scene
from tests.billing.scene import START, Scene

Options = Mapping[str, str]
CREDIT_ONLY = "credit_only"


@dataclass
class Gateway:
    """A gateway with a key, and the book that it asks."""

    scene: Scene
    key: str

    @property
    def customer(self) -> Customer:
        return self.scene.customer

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def asks(
        self, face: str, headers: Options | None = None, *, method: str = "GET", **options: str
    ) -> Any:
        """Ask as a proxy does: about a call of the subject "api", for tokens, unless told."""
        about = {"Meterbook-Subject": "api", **(headers or {})}
        query = urlencode({"feature": "tokens", **options})
        return Client().generic(
            method, f"/api/v1/gateway/{face}?{query}", headers={**self.bearer, **about}
        )

    def forward(self, headers: Options | None = None, **options: str) -> Any:
        """Ask as Traefik and Caddy do."""
        return self.asks("forward-auth", headers, **options)

    def envoy(self, path: str, headers: Options | None = None, *, method: str = "GET") -> Any:
        """Ask as Envoy does, about a call of the subject "api"."""
        about = {"Meterbook-Subject": "api", **(headers or {})}
        address = f"/api/v1/gateway/ext-authz/{path}"
        return Client().generic(method, address, headers={**self.bearer, **about})

    def kong(self, given: Any, options: str = "feature=tokens", **headers: str) -> Any:
        """Ask as Kong's OPA plugin does."""
        return Client().post(
            f"/api/v1/gateway/opa/{quote(options, safe='')}",
            {"input": given},
            content_type="application/json",
            headers={**self.bearer, **headers},
        )

    def is_prepaid(self, credit: Decimal | int = 0) -> None:
        """Let the customer pay from its credit alone, so much of it."""
        catalogue.set_profile(customer=self.customer, settlement=CREDIT_ONLY)
        if credit:
            self.scene.grant(credit)

    def may_use(self, limit: int) -> None:
        """Give the customer so many tokens a month."""
        tokens = Feature.objects.get(book=self.scene.book, key="tokens")
        self.gives(tokens, "metered", limit=Decimal(limit), usage_period="P1M")

    def gives(self, feature: Feature, kind: str, **terms: Any) -> None:
        """Give the customer a right to a feature."""
        giving.give(
            customer=self.customer, feature=feature, kind=kind, anchor=START, at=START, **terms
        )


def new_gateway() -> Gateway:
    """Return a gateway of a book that sells tokens at a dollar each, by model."""
    rights.forget()
    sale.forget()
    made = scene.new_scene()
    meter = made.meter("sum", key="llm", price=1, dimensions={"model": "$.model"})
    made.feature(meter, key="tokens")
    return Gateway(made, Api(made.book, scopes=["read"]).text)

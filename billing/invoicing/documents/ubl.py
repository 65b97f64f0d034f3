"""An e-invoice as UBL 2.1: Invoice, or CreditNote."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from lxml.etree import _Element

from billing.invoicing.documents.einvoice import EInvoice, ELine, EParty, EVat, Span, VatCategory
from billing.invoicing.documents.xml import Writer, file

_PREFIX: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_VAT: Final = "VAT"
_OTHER_TAX: Final = "TAX"


def write(document: EInvoice) -> bytes:
    """Return a document as a UBL file."""
    kind = "CreditNote" if document.is_credit_note else "Invoice"
    writer = Writer(
        {
            None: f"{_PREFIX}{kind}-2",
            "cac": f"{_PREFIX}CommonAggregateComponents-2",
            "cbc": f"{_PREFIX}CommonBasicComponents-2",
        },
        document.currency,
        document.exponent,
    )
    return file(_Ubl(document, writer, kind).build())


class _Ubl:
    """Writes one document, in the order of the schema."""

    def __init__(self, document: EInvoice, writer: Writer, kind: str) -> None:
        self.document, self.to, self.kind = document, writer, kind

    def build(self) -> _Element:
        self.root = self.to.root(self.kind)
        self._header()
        self._references()
        for role, party in (
            ("Supplier", self.document.seller),
            ("Customer", self.document.buyer),
        ):
            self._party(self.to.put(self.root, f"cac:Accounting{role}Party/cac:Party"), party)
        if self.document.delivered_to:
            path = (
                "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode"
            )
            self.to.put(self.root, path, self.document.delivered_to)
        self._payment()
        self._taxes()
        self._sums()
        for line in self.document.lines:
            self._line(line)
        return self.root

    def _header(self) -> None:
        to, root, document = self.to, self.root, self.document
        to.put(root, "cbc:CustomizationID", document.specification)
        to.maybe(root, "cbc:ProfileID", document.process)
        to.put(root, "cbc:ID", document.number)
        to.put(root, "cbc:IssueDate", document.issue_date)
        if document.is_credit_note:
            to.maybe(root, "cbc:TaxPointDate", document.tax_date)
            to.put(root, "cbc:CreditNoteTypeCode", document.type_code)
        else:
            to.maybe(root, "cbc:DueDate", document.due_date)
            to.put(root, "cbc:InvoiceTypeCode", document.type_code)
        if document.notes:
            to.put(root, "cbc:Note", "\n".join(document.notes))
        if not document.is_credit_note:
            to.maybe(root, "cbc:TaxPointDate", document.tax_date)
        to.put(root, "cbc:DocumentCurrencyCode", document.currency)
        to.maybe(root, "cbc:BuyerReference", document.buyer_reference)

    def _references(self) -> None:
        document = self.document
        if document.span:
            self._span(self.root, document.span)
        self.to.maybe(self.root, "cac:OrderReference/cbc:ID", document.purchase_order)
        if document.preceding:
            held = self.to.put(self.root, "cac:BillingReference/cac:InvoiceDocumentReference")
            self.to.put(held, "cbc:ID", document.preceding.number)
            self.to.maybe(held, "cbc:IssueDate", document.preceding.issue_date)

    def _span(self, parent: _Element, span: Span) -> None:
        held = self.to.put(parent, "cac:InvoicePeriod")
        self.to.put(held, "cbc:StartDate", span.first)
        self.to.put(held, "cbc:EndDate", span.last)

    def _party(self, to: _Element, named: EParty) -> None:
        put, maybe = self.to.put, self.to.maybe
        party, address = named.party, named.party.address
        if named.endpoint:
            put(to, "cbc:EndpointID", named.endpoint[1], schemeID=named.endpoint[0])
        maybe(to, "cac:PartyIdentification/cbc:ID", named.id)
        held = put(to, "cac:PostalAddress")
        maybe(held, "cbc:StreetName", address.line1)
        maybe(held, "cbc:AdditionalStreetName", address.line2)
        maybe(held, "cbc:CityName", address.city)
        maybe(held, "cbc:PostalZone", address.postal_code)
        maybe(held, "cbc:CountrySubentity", address.region)
        maybe(held, "cac:Country/cbc:IdentificationCode", address.country)
        for number, scheme in ((named.vat_id, _VAT), (named.tax_number, _OTHER_TAX)):
            if number:
                registered = put(to, "cac:PartyTaxScheme")
                put(registered, "cbc:CompanyID", number)
                put(registered, "cac:TaxScheme/cbc:ID", scheme)
        legal = put(to, "cac:PartyLegalEntity")
        put(legal, "cbc:RegistrationName", party.name)
        maybe(legal, "cbc:CompanyID", party.registration)
        if party.contact or party.phone or party.email:
            contact = put(to, "cac:Contact")
            maybe(contact, "cbc:Name", party.contact)
            maybe(contact, "cbc:Telephone", party.phone)
            maybe(contact, "cbc:ElectronicMail", party.email)

    def _payment(self) -> None:
        document, account = self.document, self.document.account
        if account:
            held = self.to.put(self.root, "cac:PaymentMeans")
            self.to.put(held, "cbc:PaymentMeansCode", document.means)
            self.to.maybe(held, "cbc:PaymentID", document.remittance)
            bank = self.to.put(held, "cac:PayeeFinancialAccount")
            self.to.put(bank, "cbc:ID", account.iban)
            self.to.maybe(bank, "cbc:Name", account.holder)
            self.to.maybe(bank, "cac:FinancialInstitutionBranch/cbc:ID", account.bic)
        self.to.maybe(self.root, "cac:PaymentTerms/cbc:Note", document.terms)

    def _taxes(self) -> None:
        held = self.to.put(self.root, "cac:TaxTotal")
        self._money(held, "cbc:TaxAmount", self.document.tax)
        for each in self.document.vat:
            part = self.to.put(held, "cac:TaxSubtotal")
            self._money(part, "cbc:TaxableAmount", each.base)
            self._money(part, "cbc:TaxAmount", each.tax)
            self._category(self.to.put(part, "cac:TaxCategory"), each.vat, each)

    def _category(self, to: _Element, vat: VatCategory, reasons: EVat | None = None) -> None:
        self.to.put(to, "cbc:ID", vat.code)
        self.to.maybe(to, "cbc:Percent", vat.percentage)
        if reasons:
            self.to.maybe(to, "cbc:TaxExemptionReasonCode", reasons.reason_code)
            self.to.maybe(to, "cbc:TaxExemptionReason", reasons.reason)
        self.to.put(to, "cac:TaxScheme/cbc:ID", _VAT)

    def _sums(self) -> None:
        document = self.document
        held = self.to.put(self.root, "cac:LegalMonetaryTotal")
        self._money(held, "cbc:LineExtensionAmount", document.net)
        self._money(held, "cbc:TaxExclusiveAmount", document.net)
        self._money(held, "cbc:TaxInclusiveAmount", document.gross)
        if document.prepaid:
            self._money(held, "cbc:PrepaidAmount", document.prepaid)
        self._money(held, "cbc:PayableAmount", document.payable)

    def _line(self, line: ELine) -> None:
        is_credit = self.document.is_credit_note
        held = self.to.put(self.root, "cac:CreditNoteLine" if is_credit else "cac:InvoiceLine")
        self.to.put(held, "cbc:ID", line.id)
        quantity = "cbc:CreditedQuantity" if is_credit else "cbc:InvoicedQuantity"
        self.to.put(held, quantity, line.quantity, unitCode=line.unit)
        self._money(held, "cbc:LineExtensionAmount", line.net)
        if line.span:
            self._span(held, line.span)
        for allowance in line.allowances:
            off = self.to.put(held, "cac:AllowanceCharge")
            self.to.put(off, "cbc:ChargeIndicator", "false")
            self.to.put(off, "cbc:AllowanceChargeReasonCode", allowance.code)
            self.to.put(off, "cbc:AllowanceChargeReason", allowance.reason)
            self._money(off, "cbc:Amount", allowance.amount)
        item = self.to.put(held, "cac:Item")
        self.to.maybe(item, "cbc:Description", line.description)
        self.to.put(item, "cbc:Name", line.name)
        self._category(self.to.put(item, "cac:ClassifiedTaxCategory"), line.vat)
        price = self.to.put(held, "cac:Price")
        self.to.put(price, "cbc:PriceAmount", line.price, currencyID=self.document.currency)
        self.to.put(price, "cbc:BaseQuantity", line.per, unitCode=line.unit)

    def _money(self, parent: _Element, path: str, amount: Decimal) -> None:
        self.to.money(parent, path, amount, currencyID=self.document.currency)

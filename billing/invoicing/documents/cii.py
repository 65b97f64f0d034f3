"""An e-invoice as UN/CEFACT Cross Industry Invoice D16B: also what Factur-X carries."""

from __future__ import annotations

from datetime import date
from typing import Final

from lxml.etree import _Element

from billing.invoicing.documents.einvoice import CORE, EInvoice, ELine, EParty, EVat, Span
from billing.invoicing.documents.xml import Writer, file

_UN: Final = "urn:un:unece:uncefact:data:standard:"
_NAMESPACES: Final[dict[str | None, str]] = {
    "rsm": f"{_UN}CrossIndustryInvoice:100",
    "ram": f"{_UN}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_UN}UnqualifiedDataType:100",
    "qdt": f"{_UN}QualifiedDataType:100",
}
_DAY: Final = "102"  # CCYYMMDD
_VAT: Final = "VAT"


def write(document: EInvoice) -> bytes:
    """Return a document as a CII file."""
    return file(_Cii(document, Writer(_NAMESPACES, document.currency, document.exponent)).build())


class _Cii:
    """Writes one document, in the order of the schema."""

    def __init__(self, document: EInvoice, writer: Writer) -> None:
        self.document, self.to = document, writer

    def build(self) -> _Element:
        document = self.document
        root = self.to.root("rsm:CrossIndustryInvoice")
        guideline = "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
        self.to.put(self.to.put(root, "rsm:ExchangedDocumentContext"), guideline, CORE)
        held = self.to.put(root, "rsm:ExchangedDocument")
        self.to.put(held, "ram:ID", document.number)
        self.to.put(held, "ram:TypeCode", document.type_code)
        self._day(held, "ram:IssueDateTime", document.issue_date)
        for note in document.notes:
            self.to.put(held, "ram:IncludedNote/ram:Content", note)
        trade = self.to.put(root, "rsm:SupplyChainTradeTransaction")
        for line in document.lines:
            self._line(self.to.put(trade, "ram:IncludedSupplyChainTradeLineItem"), line)
        self._agreement(self.to.put(trade, "ram:ApplicableHeaderTradeAgreement"))
        delivery = self.to.put(trade, "ram:ApplicableHeaderTradeDelivery")
        path = "ram:ShipToTradeParty/ram:PostalTradeAddress/ram:CountryID"
        self.to.maybe(delivery, path, document.delivered_to)
        delivered = "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime"
        self._day(delivery, delivered, document.tax_date or document.issue_date)
        self._settlement(self.to.put(trade, "ram:ApplicableHeaderTradeSettlement"))
        return root

    def _day(
        self, to: _Element, path: str, day: date | None, kind: str = "udt:DateTimeString"
    ) -> None:
        if day is not None:
            self.to.put(to, f"{path}/{kind}", f"{day:%Y%m%d}", format=_DAY)

    def _span(self, to: _Element, span: Span | None) -> None:
        if span is not None:
            held = self.to.put(to, "ram:BillingSpecifiedPeriod")
            self._day(held, "ram:StartDateTime", span.first)
            self._day(held, "ram:EndDateTime", span.last)

    # --- Lines -------------------------------------------------------------------------------

    def _line(self, to: _Element, line: ELine) -> None:
        self.to.put(to, "ram:AssociatedDocumentLineDocument/ram:LineID", line.id)
        product = self.to.put(to, "ram:SpecifiedTradeProduct")
        self.to.put(product, "ram:Name", line.name)
        self.to.maybe(product, "ram:Description", line.description)
        price = self.to.put(to, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice")
        self.to.put(price, "ram:ChargeAmount", line.price)
        self.to.put(price, "ram:BasisQuantity", line.per, unitCode=line.unit)
        billed = "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity"
        self.to.put(to, billed, line.quantity, unitCode=line.unit)
        settled = self.to.put(to, "ram:SpecifiedLineTradeSettlement")
        tax = self.to.put(settled, "ram:ApplicableTradeTax")
        self.to.put(tax, "ram:TypeCode", _VAT)
        self.to.put(tax, "ram:CategoryCode", line.vat.code)
        self.to.maybe(tax, "ram:RateApplicablePercent", line.vat.percentage)
        self._span(settled, line.span)
        for allowance in line.allowances:
            off = self.to.put(settled, "ram:SpecifiedTradeAllowanceCharge")
            self.to.put(off, "ram:ChargeIndicator/udt:Indicator", "false")
            self.to.money(off, "ram:ActualAmount", allowance.amount)
            self.to.put(off, "ram:ReasonCode", allowance.code)
            self.to.put(off, "ram:Reason", allowance.reason)
        sums = "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"
        self.to.money(settled, sums, line.net)

    # --- Header ------------------------------------------------------------------------------

    def _agreement(self, to: _Element) -> None:
        document = self.document
        self.to.maybe(to, "ram:BuyerReference", document.buyer_reference)
        self._party(self.to.put(to, "ram:SellerTradeParty"), document.seller)
        self._party(self.to.put(to, "ram:BuyerTradeParty"), document.buyer)
        order = "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"
        self.to.maybe(to, order, document.purchase_order)

    def _party(self, to: _Element, named: EParty) -> None:
        put, maybe = self.to.put, self.to.maybe
        party, address = named.party, named.party.address
        maybe(to, "ram:ID", named.id)
        put(to, "ram:Name", party.name)
        maybe(to, "ram:SpecifiedLegalOrganization/ram:ID", party.registration)
        if party.contact or party.phone or party.email:
            contact = put(to, "ram:DefinedTradeContact")
            maybe(contact, "ram:PersonName", party.contact)
            phone = "ram:TelephoneUniversalCommunication/ram:CompleteNumber"
            maybe(contact, phone, party.phone)
            maybe(contact, "ram:EmailURIUniversalCommunication/ram:URIID", party.email)
        held = put(to, "ram:PostalTradeAddress")
        maybe(held, "ram:PostcodeCode", address.postal_code)
        maybe(held, "ram:LineOne", address.line1)
        maybe(held, "ram:LineTwo", address.line2)
        maybe(held, "ram:CityName", address.city)
        maybe(held, "ram:CountryID", address.country)
        maybe(held, "ram:CountrySubDivisionName", address.region)
        if named.endpoint:
            scheme, number = named.endpoint
            put(to, "ram:URIUniversalCommunication/ram:URIID", number, schemeID=scheme)
        for number, scheme in ((named.vat_id, "VA"), (named.tax_number, "FC")):
            maybe(to, "ram:SpecifiedTaxRegistration/ram:ID", number, schemeID=scheme)

    def _settlement(self, to: _Element) -> None:
        document, account = self.document, self.document.account
        self.to.maybe(to, "ram:PaymentReference", document.remittance)
        self.to.put(to, "ram:InvoiceCurrencyCode", document.currency)
        if account:
            means = self.to.put(to, "ram:SpecifiedTradeSettlementPaymentMeans")
            self.to.put(means, "ram:TypeCode", document.means)
            bank = self.to.put(means, "ram:PayeePartyCreditorFinancialAccount")
            self.to.put(bank, "ram:IBANID", account.iban)
            self.to.maybe(bank, "ram:AccountName", account.holder)
            bic = "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"
            self.to.maybe(means, bic, account.bic)
        for each in document.vat:
            self._tax(self.to.put(to, "ram:ApplicableTradeTax"), each)
        self._span(to, document.span)
        if document.terms or document.due_date:
            terms = self.to.put(to, "ram:SpecifiedTradePaymentTerms")
            self.to.maybe(terms, "ram:Description", document.terms)
            self._day(terms, "ram:DueDateDateTime", document.due_date)
        self._sums(self.to.put(to, "ram:SpecifiedTradeSettlementHeaderMonetarySummation"))
        if document.preceding:
            held = self.to.put(to, "ram:InvoiceReferencedDocument")
            self.to.put(held, "ram:IssuerAssignedID", document.preceding.number)
            issued = "ram:FormattedIssueDateTime"
            self._day(held, issued, document.preceding.issue_date, "qdt:DateTimeString")

    def _tax(self, to: _Element, each: EVat) -> None:
        self.to.money(to, "ram:CalculatedAmount", each.tax)
        self.to.put(to, "ram:TypeCode", _VAT)
        self.to.maybe(to, "ram:ExemptionReason", each.reason)
        self.to.money(to, "ram:BasisAmount", each.base)
        self.to.put(to, "ram:CategoryCode", each.vat.code)
        self.to.maybe(to, "ram:ExemptionReasonCode", each.reason_code)
        self._day(to, "ram:TaxPointDate", self.document.tax_date, "udt:DateString")
        self.to.maybe(to, "ram:RateApplicablePercent", each.vat.percentage)

    def _sums(self, to: _Element) -> None:
        document = self.document
        self.to.money(to, "ram:LineTotalAmount", document.net)
        self.to.money(to, "ram:TaxBasisTotalAmount", document.net)
        self.to.money(to, "ram:TaxTotalAmount", document.tax, currencyID=document.currency)
        self.to.money(to, "ram:GrandTotalAmount", document.gross)
        if document.prepaid:
            self.to.money(to, "ram:TotalPrepaidAmount", document.prepaid)
        self.to.money(to, "ram:DuePayableAmount", document.payable)

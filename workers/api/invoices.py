"""A tax invoice or credit note as a file, for the accountant."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from workers.api.asking import Body, body_as, bp, person
from workers.billing.invoice import render


class WantedInvoice(Body):
    """Which document."""

    invoice_id: int = Field(ge=1, lt=2**63)


@bp.post("/invoice")
def download_invoice() -> Response:
    """Give a document as a PDF, to whom the database shows it."""
    asking, wanted = person(), body_as(WantedInvoice)
    answer = asking.rpc("get_invoice", org_id=wanted.org_id, invoice_id=wanted.invoice_id)
    response = Response(render(answer), content_type="application/pdf")
    name = f"{str(answer['number']).replace('/', '-')}.pdf"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response

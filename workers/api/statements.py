"""A month's usage statement as a file: a PDF for the accountant, a CSV for their spreadsheet."""

from __future__ import annotations

from typing import Literal

from flask import Response
from pydantic import Field

from workers.api.asking import Body, body_as, bp, person
from workers.billing.statement import Statement, as_csv, as_pdf


class Wanted(Body):
    """Which month, and as what."""

    month: str = Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")
    format: Literal["pdf", "csv"]


@bp.post("/statement")
def download_statement() -> Response:
    """Give a month's statement as a file, to its members; that of an open month is a preview."""
    asking, wanted = person(), body_as(Wanted)
    answer = asking.rpc("statement", org_id=wanted.org_id, month=wanted.month)
    statement = Statement.model_validate(answer)
    if wanted.format == "pdf":
        response = Response(as_pdf(statement), content_type="application/pdf")
    else:
        response = Response(as_csv(statement), content_type="text/csv; charset=utf-8")
    name = f"usage-{wanted.month}.{wanted.format}"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response

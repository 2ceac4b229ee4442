"""Writes workbooks with one or more sheets, as small as their formats allow."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, time
from xml.sax.saxutils import escape, quoteattr

Cell = str | float | bool | date | time | None
Sheets = Mapping[str, Sequence[Sequence[Cell]]]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_FIRST_DAY = date(1899, 12, 30)  # as Excel counts
_GENERAL, _DAY, _TIME = range(3)  # the styles below


def _zipped(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def xlsx(sheets: Sheets) -> bytes:
    """A workbook as Excel writes it: each cell with its reference, empty cells left out."""
    numbered = list(enumerate(sheets, start=1))
    files = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}"/>' for at, name in numbered)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
        + "".join(
            f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.xml"/>'
            for at, _ in numbered
        )
        + f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="21"/></cellXfs></styleSheet>',
    }
    for at, name in numbered:
        rows = "".join(
            f'<row r="{row}">{"".join(_xlsx_cell(row, column, cell) for column, cell in enumerate(cells))}</row>'
            for row, cells in enumerate(sheets[name], start=1)
        )
        files[f"xl/worksheets/sheet{at}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return _zipped(files)


def _xlsx_cell(row: int, column: int, cell: Cell) -> str:
    place = f"{chr(ord('A') + column)}{row}"
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{cell:d}</v></c>'
    if isinstance(cell, date):
        return f'<c r="{place}" s="{_DAY}"><v>{(cell - _FIRST_DAY).days}</v></c>'
    if isinstance(cell, time):
        return f'<c r="{place}" s="{_TIME}"><v>{(cell.hour * 60 + cell.minute) / 1440}</v></c>'
    return f'<c r="{place}" s="{_GENERAL}"><v>{cell!r}</v></c>'


def xlsx_of_one_far_cell() -> bytes:
    """A header, and a cell in the last possible row and column: a grid of 17 billion cells in 1 KB."""
    sheet = (
        f'<worksheet xmlns="{_MAIN}"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    with zipfile.ZipFile(io.BytesIO(xlsx({"Films": []}))) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    return _zipped({**files, "xl/worksheets/sheet1.xml": sheet})


def ods(sheets: Sheets) -> bytes:
    """A workbook as LibreOffice writes it, with typed cells."""
    return _ods({name: "".join(f"<table:table-row>{''.join(map(_ods_cell, cells))}</table:table-row>" for cells in rows)
                 for name, rows in sheets.items()})  # fmt: skip


def ods_of_too_many_cells() -> bytes:
    """A header, and a cell that is repeated over most of the possible columns and rows."""
    cell = _ods_cell("x").replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="16000"')
    rows = (
        f"<table:table-row>{_ods_cell('title')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048570">{cell}</table:table-row>'
    )
    return _ods({"Films": rows})


def _ods(tables_of: Mapping[str, str]) -> bytes:
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>{rows}</table:table>" for name, rows in tables_of.items()
    )
    content = (
        f'<office:document-content xmlns:office="{_ODF}:office:1.0" xmlns:table="{_ODF}:table:1.0" '
        f'xmlns:text="{_ODF}:text:1.0" office:version="1.2"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
        'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return _zipped({"mimetype": kind, "META-INF/manifest.xml": manifest, "content.xml": content})


def _ods_cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, bool):
        typed, text = f'"boolean" office:boolean-value="{str(cell).lower()}"', str(cell).upper()
    elif isinstance(cell, str):
        typed, text = '"string"', cell
    elif isinstance(cell, date):
        typed, text = f'"date" office:date-value="{cell}"', f"{cell:%d.%m.%Y}"
    elif isinstance(cell, time):
        typed, text = f'"time" office:time-value="PT{cell:%HH%MM%SS}"', f"{cell:%H:%M}"
    else:
        typed, text = f'"float" office:value="{cell!r}"', str(cell).replace(".", ",")
    return f"<table:table-cell office:value-type={typed}><text:p>{escape(text)}</text:p></table:table-cell>"

"""Make a folder of small PDFs to extract from: python examples/extraction/make_invoices.py invoices

Source: ISO 32000-1, 7.5 (the structure of a file) and 9.4 (text).
"""

import sys
from collections.abc import Iterable
from pathlib import Path

INVOICES = {
    "2026-001": ("Lamps Ltd", "2026-03-01", "GBP 120.00"),
    "2026-002": ("Desk & Co", "2026-03-14", "EUR 349.90"),
    "2026-003": ("Chairs Inc", "2026-04-02", "USD 89.50"),
}


def pdf(lines: Iterable[str]) -> bytes:
    """A PDF of one page with these lines of Latin-1 text."""
    escaped = (line.translate({ord(each): f"\\{each}" for each in "\\()"}) for line in lines)
    shown = " ".join(f"({line}) Tj T*" for line in escaped)
    content = f"BT /F1 14 Tf 18 TL 72 720 Td {shown} ET".encode("latin-1")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        font,
    ]
    body, places = b"%PDF-1.4\n", list[int]()
    for number, value in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, value)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return body + head + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(body)


def main(folder: Path) -> None:
    """Write one PDF for each invoice."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (supplier, due, total) in INVOICES.items():
        lines = (f"Invoice {number}", supplier, f"Total {total}", f"Due on {due}")
        (folder / f"{number}.pdf").write_bytes(pdf(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

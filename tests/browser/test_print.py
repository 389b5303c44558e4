"""Chromium prints a book: every page of it, with the pages' own numbers."""

from genimg.press import printing


def test_two_pages_become_one_pdf(browser, tmp_path):  # `browser` says what to do where there is no Chromium
    (tmp_path / "_toc.yml").write_text("root: a\nchapters:\n  - file: b\n")
    for name in ("a", "b"):
        article = f'<article class="bd-article"><h1 id="t">{name}</h1><a href="b.html#t">b</a></article>'
        (tmp_path / f"{name}.html").write_text(
            "<html><head><style>.bd-article + .bd-article { break-before: page; }</style></head>"
            f"<body>{article}</body></html>"
        )
    data = printing.print_pdf(tmp_path, tmp_path, tmp_path / "book.pdf").read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page\n") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_toc.yml", "a.html", "b.html", "book.pdf"]

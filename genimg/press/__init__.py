"""From chapters to the book: executing notebooks, pages, API, index, PDF, serving."""

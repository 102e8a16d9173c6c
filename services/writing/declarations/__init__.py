"""One declaration for each table; `services.writing.tables` collects them."""

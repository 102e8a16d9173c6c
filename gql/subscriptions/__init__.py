"""One module per noun; events come from services.feed."""

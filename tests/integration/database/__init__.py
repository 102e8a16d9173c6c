"""The database itself: the documents, the migrations, the triggers, search and partitions."""

"""What a task tells others: the page, metrics, spans and lineage."""

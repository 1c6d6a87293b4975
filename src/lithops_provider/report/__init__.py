"""What a task publishes: XComs that the page reads, metrics, spans and lineage."""

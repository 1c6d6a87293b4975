"""A job as somebody sees it who only looks on."""

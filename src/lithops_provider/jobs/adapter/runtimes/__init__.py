"""What functions run in: what a runtime has, which runtimes a backend has, and what is installed for requirements."""

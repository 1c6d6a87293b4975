"""What the project's commands and tests are made of; no part of the package."""

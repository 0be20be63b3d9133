# Nothing to prepare.

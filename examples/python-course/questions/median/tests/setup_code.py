# Runs before the reference answer and before the student's code. Nothing to prepare here, but the file must be there.

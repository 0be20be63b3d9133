# Runs before the student's code, in the same place: what is defined here is there for both.

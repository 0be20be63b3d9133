"""Grade Python submissions by PrairieLearn's contract, with the student's code in a process of its own.

Three processes take part, each with its own user (README.md says why):

* the *supervisor* (root) lays /grade out, starts the other two, and writes results/results.json; its parent, the
  *guard*, writes it where the supervisor breaks off or is late;
* the *tester* (``ag-tests``) holds everything secret: setup code, reference answer, tests, scores;
* the *student* process (``ag``) executes the student's file and answers the tester's questions about it.

The way of one grading: ``__main__`` → ``supervisor`` → ``tester`` → ``grading`` → ``testcase`` (the class Test)
→ ``collector`` → ``report``; the student's side is ``worker``, and ``remote`` → ``link`` → ``wire`` the way to it.
"""

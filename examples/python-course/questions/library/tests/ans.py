# Tests may need no reference answer at all; the file must be there all the same.

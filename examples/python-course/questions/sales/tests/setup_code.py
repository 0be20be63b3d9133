# All files of tests/ but the question's own lie in the working directory of all code: sales.csv needs no path.

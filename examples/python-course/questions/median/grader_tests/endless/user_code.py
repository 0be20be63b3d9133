def median(values):
    ordered = sorted(values)
    while len(ordered) > 1:
        if len(ordered) > 2:
            ordered = ordered[1:-1]
    return ordered[0]

package lint

// expectRules are about grader tests.
func expectRules() []Rule { return nil }

package lint

// pageRules are about question.html, as far as grading needs it.
func pageRules() []Rule {
	return []Rule{
		{Name: "results-element", Severity: Warning, Finds: "a page without `pl-external-grader-results`", question: resultsElement},
	}
}

func resultsElement(q *question) []Finding {
	if !q.graded() || q.html == nil || len(q.html.elements) == 0 || q.html.find("pl-external-grader-results") != nil || q.html.templated() {
		return nil
	}
	return []Finding{at(q.html.file, top(), "students see no results: the page has no pl-external-grader-results",
		"add <pl-external-grader-results></pl-external-grader-results> to the pl-submission-panel")}
}

// templated says whether parts of the page come from elsewhere.
func (p *page) templated() bool {
	return p.find("pl-template") != nil || p.find("include") != nil
}

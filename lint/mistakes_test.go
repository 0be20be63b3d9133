package lint_test

// mistake is one that a course author makes in a copy of an example's question, and the one thing that a check must say about it.
type mistake struct {
	rule string
	// question is the example that is copied.
	question string
	// edits are file, text, replacement; text "" is the whole file, replacement "-" removes it.
	edits [][3]string
	// at is the file below the question's folder, and on is a text that the line has on which the mistake must be found: the first one, or the last one
	// after the word last. "" is line 1.
	at, on string
}

const (
	shell  = "course/questions/word-count"
	fib    = "course/questions/fibonacci"
	median = "python-course/questions/median"
	books  = "python-course/questions/library"
	scores = "python-course/questions/standardise"
	plots  = "python-course/questions/cooling"
)

const info = "info.json"

func edit(file, text, replacement string) [][3]string { return [][3]string{{file, text, replacement}} }

// optionMistakes are made in info.json.
func optionMistakes() []mistake {
	option := func(rule, old, new, on string) mistake { return mistake{rule, shell, edit(info, old, new), info, on} }
	return []mistake{
		{"info-missing", shell, edit(info, "", "-"), "", ""},
		option("json-syntax", `"timeout": 5`, `"timeout": 5,`, "  }"),
		option("json-syntax", `"v3"`, `'v3'`, `'v3'`),
		option("json-key-twice", `"timeout": 5`, "\"timeout\": 5,\n    \"timeout\" : 6", `"timeout" : 6`),
		option("json-text", `"Counting words"`, "\"Counting words\xff\"", ""),
		option("info-object", "", "[]", ""),
		option("grading-method", `"External"`, `"external"`, "gradingMethod"),
		option("grading-method-external", `"External"`, `"Internal"`, "externalGradingOptions"),
		option("grading-method-external", `"gradingMethod": "External",`, "", "externalGradingOptions"),
		option("options-missing", `"externalGradingOptions"`, `"externalGrading"`, "gradingMethod"),
		option("options-object", "", "{\"gradingMethod\": \"External\",\n\"externalGradingOptions\": true}", "true"),
		option("image-missing", `"image": "debian:trixie-slim",`, "", "externalGradingOptions"),
		option("image-name", "debian:trixie-slim", "Debian:trixie-slim", "image"),
		option("image-name", "debian:trixie-slim", "", "image"),
		option("image-tag", "debian:trixie-slim", "debian", "image"),
		option("option-unknown", `"timeout"`, `"timeOut"`, "timeOut"),
		option("option-unknown", `"timeout": 5`, "\"timeout\": 5,\n    \"files\": []", "files"),
		option("option-value", `"timeout": 5`, "\"timeout\": 5,\n    \"enableNetworking\": \"no\"", "enableNetworking"),
		option("option-value", `["shell/"]`, "[\"shell/\",\n      7]", "7]"),
		option("option-deprecated", `"timeout": 5`, "\"timeout\": 5,\n    \"enabled\": false", "enabled"),
		option("timeout-value", `"timeout": 5`, `"timeout": "5"`, "timeout"),
		option("timeout-value", `"timeout": 5`, `"timeout": 0`, "timeout"),
		option("timeout-value", `"timeout": 5`, `"timeout": 2.5`, "timeout"),
		option("timeout-lowered", `"timeout": 5`, `"timeout": 3600`, "timeout"),
		{"timeout-short", fib, edit(info, `"timeout": 10`, `"timeout": 1`), info, "timeout"},
		option("environment-value", `"timeout": 5`, "\"timeout\": 5,\n    \"environment\": {\"A=B\": \"c\"}", "A=B"),
		option("environment-value", `"timeout": 5`, "\"timeout\": 5,\n    \"environment\": {\n\"N\": 5}", `"N"`),
		option("environment-null", `"timeout": 5`, "\"timeout\": 5,\n    \"environment\": {\n\"LANG\": null}", "LANG"),
		option("network-enabled", `"timeout": 5`, "\"timeout\": 5,\n    \"enableNetworking\": true", "enableNetworking"),
		option("entrypoint-value", `"/grade/tests/run.sh"`, `"/grade/tests/run.sh 'a"`, "entrypoint"),
		option("entrypoint-value", `"/grade/tests/run.sh"`, `[]`, "entrypoint"),
		option("course-file-name", `["shell/"]`, "[\"shell/\",\n      \"../questions/word-count\"]", "../questions"),
		option("course-file-missing", `["shell/"]`, "[\"shell/\",\n      \"shells\"]", "shells"),
		option("course-file-pattern", `["shell/"]`, "[\"shell/\",\n      \"*.sh\"]", "*.sh"),
		option("course-file-twice", `["shell/"]`, "[\"shell/\",\n      \"shell/json.sh\"]", "json.sh"),
	}
}

// entrypointMistakes are made with the program that grades and the files beside it.
func entrypointMistakes() []mistake {
	const run, entry = "tests/run.sh", "entrypoint"
	option := func(rule, program string) mistake {
		return mistake{rule, shell, edit(info, "/grade/tests/run.sh", program), info, entry}
	}
	return []mistake{
		option("entrypoint-missing", "/grade/tests/Run.sh"),
		option("entrypoint-missing", "sh /grade/tests/grade.sh"),
		{"entrypoint-not-listed", shell, [][3]string{{info, "/grade/tests/run.sh", "/grade/serverFilesCourse/other/run.sh"}}, info, entry},
		option("entrypoint-student", "sh /grade/student/count.sh"),
		option("entrypoint-outside", "/tests/run.sh"),
		option("entrypoint-relative", "./tests/run.sh"),
		option("entrypoint-folder", "/grade/tests/cases"),
		option("entrypoint-shared", "sh /grade/shared/shell/json.sh"),
		{"entrypoint-mode", shell, [][3]string{{run, "chmod", "644"}}, run, ""},
		{"entrypoint-line-ends", shell, edit(run, "\n", "\r\n"), run, ""},
		{"entrypoint-line-ends", shell, [][3]string{{run, "\n", "\r\n"}, {info, "/grade/tests/run.sh", "bash /grade/tests/run.sh"}}, run, ""},
		{"entrypoint-interpreter", shell, edit(run, "#!/bin/sh\n", ""), run, ""},
		{"entrypoint-interpreter", shell, edit(run, "#!/bin/sh\n", "#!bash\n"), run, ""},
		{"entrypoint-interpreter", shell, edit(run, "#!/bin/sh\n", "\xef\xbb\xbf#!/bin/sh\n"), run, ""},
		{"entrypoint-empty", shell, edit(run, "", ""), run, ""},
		{"tests-folder", shell, [][3]string{{"tests", "", "-"}, {"tests", "", "#!/bin/sh\n"}, {info, `"/grade/tests/run.sh"`, `["sh", "-c", "exit 1"]`}}, "tests", ""},
		{"link-outside", shell, [][3]string{{"tests/more", "link", "../../fibonacci/tests/ans.py"}}, "tests/more", ""},
		{"special-file", shell, [][3]string{{"tests/pipe", "fifo", ""}}, "tests/pipe", ""},
		{"script-line-ends", shell, edit("tests/cases/gen.sh", "", "#!/bin/sh\r\necho\r\n"), "tests/cases/gen.sh", ""},
		{"files-too-large", shell, [][3]string{{"tests/large", "size", "1100000000"}}, info, "externalGradingOptions"},
		{"file-left-over", shell, edit("tests/.DS_Store", "", "x"), "tests/.DS_Store", ""},
		{"results-element", shell, edit("question.html", "pl-external-grader-results", "pl-grader-results"), "question.html", ""},
		{"results-invalid", shell, edit("tests/cases/results.json", "", "{\n  \"score\": 2}"), "tests/cases/results.json", "score"},
		{"results-invalid", shell, edit("results.json", "", "{\"tests\": []}"), "results.json", ""},
		{"results-shown", shell, edit("results.json", "", "{\"score\": 1, \"tests\": [\n{\"name\": \"a\", \"points\": 1}]}"), "results.json", "points"},
		{"expect-invalid", shell, edit("grader_tests/correct/expect.toml", "", "score = 1\nscor = 2\n"), "grader_tests/correct/expect.toml", "scor = 2"},
		{"expect-invalid", shell, edit("grader_tests/correct/expect.toml", "", "# 1\nscore = 1.5\n"), "grader_tests/correct/expect.toml", "1.5"},
		{"expect-missing", shell, edit("grader_tests/correct/expect.toml", "", "-"), "grader_tests/correct", ""},
		{"sample-empty", shell, edit("grader_tests/correct/count.sh", "", "-"), "grader_tests/correct", ""},
		{"results-size", shell, [][3]string{{"results.json", "padded", `{"score": 1, "output": "%s"}`}}, "results.json", ""},
	}
}

// pythonMistakes are made in the tests of the Python grader.
func pythonMistakes() []mistake {
	const test, page = "tests/test.py", "question.html"
	tests := func(rule, question, old, new, on string) mistake {
		return mistake{rule, question, edit(test, old, new), test, on}
	}
	return []mistake{
		{"python-test-missing", median, edit(test, "", "-"), info, "externalGradingOptions"},
		{"python-answer-missing", median, edit("tests/ans.py", "", "-"), info, "externalGradingOptions"},
		{"python-setup-missing", median, edit("tests/setup_code.py", "", "-"), info, "externalGradingOptions"},
		tests("python-syntax", median, "def test_1_even(self):", "def test_1_even(self)", "def test_1_even"),
		{"python-syntax", median, edit("tests/ans.py", "", "x = 1\nprint 'x'\n"), "tests/ans.py", "print"},
		{"python-not-listed", books, edit(info, `"grading/"`, ""), test, "grading.scores"},
		tests("student-file", median, "timeout = 2", `student_code_file = "main.py"`, "student_code_file"),
		tests("test-class", median, "class Test(", "class TestMedian(", "class TestMedian"),
		tests("test-class-twice", median, "    # Seconds for each", "    pass\n\n\nclass Test(PLTestCase):  # again\n    # Seconds for each", "# again"),
		tests("test-base", median, "class Test(PLTestCase):", "class Test(unittest.TestCase):", "class Test"),
		tests("test-none", plots, "", "from pl_unit_test import PLTestCase\n\n\nclass Test(PLTestCase):\n    pass\n", "class Test"),
		tests("test-twice", scores, "test_1_largest", "test_0_scores", "last def test_0_scores"),
		tests("test-name", median, "def test_1_even", "def even_test_1", "def even_test_1"),
		tests("test-name", median, "def test_1_even", "def testEven", "def testEven"),
		tests("test-inherited", median, "class Test(PLTestCase):", "class Base(PLTestCase):\n    def test_all(self):\n        pass\n\n\nclass Test(Base):", "class Test"),
		tests("test-skipped", median, "    @points(1)\n", "    @unittest.skip(\"later\")\n    @points(1)\n", "unittest.skip"),
		tests("test-skipped", median, "        values = [2, 3, 1]\n", "        values = [2, 3, 1]\n        self.skipTest(\"later\")\n", "skipTest"),
		tests("points-missing", median, "    @points(1)\n", "", "def test_2_unchanged"),
		tests("points-value", median, "@points(1)", "@points(0)", "@points(0)"),
		tests("points-value", median, "@points(1)", "@points(\"1\")", "@points(\"1\")"),
		tests("points-value", median, "@points(1)", "@points", "    @points\n"),
		tests("name-missing", median, "    @name(\"the list stays as it was\")\n", "", "def test_2_unchanged"),
		tests("name-value", median, `@name("the list stays as it was")`, "@name(3)", "@name(3)"),
		tests("name-twice", median, "even number of values", "odd number of values", "last @name(\"odd"),
		tests("score-never-set", median, "Feedback.set_score(self.check([4, 1, 3, 2]))", "self.assertTrue(self.check([4, 1, 3, 2]))", "def test_1_even"),
		tests("score-range", median, "Feedback.set_score(0.5)", "Feedback.set_score(50)", "set_score(50)"),
		tests("feedback-unknown", median, "Feedback.check_scalar", "Feedback.check_scaler", "check_scaler"),
		tests("plot-base", plots, "PLTestCaseWithPlot", "PLTestCase", "self.plt.gca()))"),
		tests("iterations-value", scores, "total_iters = 3", "total_iters = 0", "total_iters"),
		{"names-missing", median, edit(page, `params-name="names_from_user"`, `params-name="names_from_users"`), page, ""},
		{"names-missing", median, edit(page, "pl-variable ", "pl-var "), page, "pl-external-grader-variables params"},
		tests("names-undeclared", median, "self.st.median, values", "self.st.medium, values", "self.st.medium"),
		tests("names-reference", median, "self.ref.median(values)", "self.ref.mean(values)", "self.ref.mean"),
		{"names-setup", scores, edit("tests/setup_code.py", "", "import numpy as np\n\nZ = np.zeros(3)\n"), page, `name="A"`},
	}
}

package schemas

// MaxShown is how many violations an [Invalid] lists; their whole number is in Total. 50 fill a screen, and 100,000 wrong tests
// would fill the answer.
const MaxShown = 50

// Violation is one place of a document that breaks a rule, in words for the author of the document.
type Violation struct {
	Pointer string `json:"pointer"` // JSON pointer, "" is the whole document
	Rule    string `json:"rule"`    // what must hold, for example "must be at most 1"
	Found   string `json:"found"`   // what stands there, shortened
}
